//! What a file says of itself. Its moments are those of the document, and its id is a digest of it.

use super::cells::clean;
use super::sheet::name;
use crate::calendar::rfc3339;
use crate::invoicing::document::Document;
use crate::invoicing::export::{ExportError, json};
use brink_license::UnixSeconds;
use chrono::{DateTime, Datelike, Timelike};
use pdf_writer::Date;
use sha2::{Digest, Sha256};

/// Of the words on the paper.
pub(super) const LANGUAGE: &str = "en";
pub(super) const PRODUCER: &str = "Brink";

pub(super) struct Metadata {
    pub(super) title: String,
    pub(super) author: Option<String>,
    /// When the document got its number, or was made where it has none.
    pub(super) made: UnixSeconds,
    pub(super) id: [u8; 16],
}

impl Metadata {
    pub(super) fn of(document: &Document) -> Result<Self, ExportError> {
        let digest: [u8; 32] = Sha256::digest(json::line(document)?.as_bytes()).into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Ok(Self {
            title: clean(&name(document)),
            author: document.seller.as_ref().map(|seller| clean(&seller.legal_name)),
            made: document.issued_at.unwrap_or(document.created_at),
            id,
        })
    }

    /// As PDF writes it; `None` beyond its years.
    pub(super) fn date(&self) -> Option<Date> {
        let at = DateTime::from_timestamp(self.made.as_i64(), 0)?;
        let small = |part: u32| u8::try_from(part).ok();
        let day = Date::new(u16::try_from(at.year()).ok()?).month(small(at.month())?).day(small(at.day())?);
        let time = day.hour(small(at.hour())?).minute(small(at.minute())?).second(small(at.second())?);
        Some(time.utc_offset_hour(0).utc_offset_minute(0))
    }

    /// The same as XMP (ISO 16684-1), with what makes it an archive's PDF: ISO 19005-2, level U.
    pub(super) fn xmp(&self) -> String {
        let author = self.author.as_deref().map(|author| {
            format!("<dc:creator><rdf:Seq><rdf:li>{}</rdf:li></rdf:Seq></dc:creator>", escaped(author))
        });
        let dated = self.date().map(|_| format!("<xmp:CreateDate>{}</xmp:CreateDate>", rfc3339(self.made)));
        format!(
            "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
             <x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n\
             <rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
             xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmlns:pdf=\"http://ns.adobe.com/pdf/1.3/\" \
             xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\">\n\
             <pdfaid:part>2</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance>\n\
             <dc:format>application/pdf</dc:format>\n\
             <dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">{title}</rdf:li></rdf:Alt></dc:title>\n\
             {author}<dc:language><rdf:Bag><rdf:li>{LANGUAGE}</rdf:li></rdf:Bag></dc:language>\n\
             {dated}<pdf:Producer>{PRODUCER}</pdf:Producer>\n\
             </rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end=\"w\"?>",
            title = escaped(&self.title),
            author = author.unwrap_or_default(),
            dated = dated.unwrap_or_default(),
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
