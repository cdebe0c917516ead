//! Bytes that a table holds on the heap for each camera, beyond the name's own.

use crate::report::{Report, Sheet, Wanted};
use crate::scene::{self, SIZES};
use brink_license::Table;

pub fn measure(report: &mut Report) {
    let mut sheet = Sheet::new("Memory of a table", &["bytes", "of names", "beyond, each"]);
    let mut most = 0.0_f64;
    for cameras in SIZES {
        let names: usize = (0..cameras).map(|index| scene::camera(index).len()).sum();
        let bytes = Table::unverified(&scene::claims(cameras)).heap_bytes();
        let beyond = (bytes - names) as f64 / cameras as f64;
        most = most.max(beyond);
        sheet.row([
            format!("{cameras} cameras"),
            bytes.to_string(),
            names.to_string(),
            format!("{beyond:.1}"),
        ]);
    }
    report.sheet(sheet);
    report.figure("memory per camera beyond its name, at the worst size", Wanted::AtMost(100.0), most, " B");
}
