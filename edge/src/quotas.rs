//! How the quotas of the licence in force stand, as any host of this device sees them. For status and metrics.

use brink_store::{Gate, Layout, Meter, QuotaUse};

/// A gate and its meter, opened at the first question and kept.
#[derive(Debug, Default)]
pub struct QuotaLook(Option<(Gate, Meter)>);

impl QuotaLook {
    /// How each quota stands now; none without a licence, or where the journal cannot be read: both are said elsewhere.
    #[must_use]
    pub fn at(&mut self, layout: &Layout) -> Vec<QuotaUse> {
        if self.0.is_none() {
            self.0 = opened(layout);
        }
        let quotas = self.0.as_ref().map(|(_, meter)| meter.quotas());
        quotas.and_then(Result::ok).unwrap_or_default()
    }
}

fn opened(layout: &Layout) -> Option<(Gate, Meter)> {
    let gate = Gate::open(layout.bundle(), layout.trust_anchor().ok()?).ok()?;
    let meter = gate.meter().ok()?;
    Some((gate, meter))
}
