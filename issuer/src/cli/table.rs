//! Aligned columns for people, and CSV for spreadsheets.

use crate::reports::export::csv_line;

/// Rows of as many cells as the heading; columns of `numbers` are aligned at their end.
pub(super) struct Table {
    pub(super) heading: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// From this column on cells are numbers.
    pub(super) numbers_from: usize,
}

impl Table {
    /// Columns as wide as their widest cell, two spaces between them, none at the end.
    pub(super) fn lines(&self) -> Vec<String> {
        let all = || std::iter::once(&self.heading).chain(&self.rows);
        let width = |column: usize| {
            all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.heading.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if column < self.numbers_from { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        all().map(line).collect()
    }

    /// RFC 4180, with the heading.
    pub(super) fn csv(&self) -> String {
        std::iter::once(&self.heading).chain(&self.rows).map(|row| csv_line(row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_under_each_other_and_cells_of_csv_are_safe() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let rows = vec![row(["sms", "12.5"]), row(["=cmd,\"x\"", "-7"])];
        let table = Table { heading: row(["meter", "net"]), rows, numbers_from: 1 };
        assert_eq!(table.lines(), ["meter      net", "sms       12.5", "=cmd,\"x\"    -7"]);
        assert_eq!(table.csv(), "meter,net\r\nsms,12.5\r\n\"'=cmd,\"\"x\"\"\",-7\r\n");
    }
}
