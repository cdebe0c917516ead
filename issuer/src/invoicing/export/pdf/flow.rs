//! Rows one below the other, over as many pages as they take. A row stays on one page where it fits on one; a longer one goes
//! on line by line.

use super::cells::{Cell, Column, Side, Style};
use super::face::Fonts;

/// A4, in points.
pub(super) const PAPER: [f32; 2] = [595.28, 841.89];
pub(super) const LEFT: f32 = 51.0;
pub(super) const RIGHT: f32 = 544.0;
/// Where the first row of a page begins and the last one ends.
pub(super) const TOP: f32 = 790.0;
pub(super) const BOTTOM: f32 = 70.0;
const FOOTER: f32 = 40.0;
/// How far a line begins above its letters' feet, in parts of its height.
const BASELINE: f32 = 0.8;

/// Something on a page, from its lower left corner.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    Text { x: f32, y: f32, style: Style, text: String },
    Rule { y: f32, x: f32, thickness: f32 },
}

/// Pages as they are to be printed.
pub(super) struct Layout {
    pub(super) pages: Vec<Vec<Mark>>,
    /// Stands across each page.
    pub(super) stamp: Option<&'static str>,
}

/// Cells that begin at one height.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    /// What is left free below.
    pub(super) gap: f32,
}

impl Row {
    pub(super) const fn new(cells: Vec<Cell>, gap: f32) -> Self {
        Self { cells, gap }
    }

    fn lines(&self) -> usize {
        self.cells.iter().map(|cell| cell.lines.len()).max().unwrap_or(0)
    }

    /// How much a line takes, of whatever cell.
    fn line_height(&self) -> f32 {
        let sizes = self.cells.iter().flat_map(|cell| &cell.lines).map(|(_, style)| style.size);
        sizes.fold(0.0_f32, f32::max) * 1.3
    }

    pub(super) fn height(&self) -> f32 {
        self.lines() as f32 * self.line_height()
    }
}

pub(super) struct Flow<'f> {
    fonts: &'f Fonts,
    pages: Vec<Vec<Mark>>,
    y: f32,
    /// Begins each page but the first.
    running: Row,
    /// Stands on top of each page that a table goes on.
    head: Option<Row>,
}

impl<'f> Flow<'f> {
    pub(super) fn new(fonts: &'f Fonts, running: Row) -> Self {
        Self { fonts, pages: vec![Vec::new()], y: TOP, running, head: None }
    }

    pub(super) const fn fonts(&self) -> &'f Fonts {
        self.fonts
    }

    pub(super) fn row(&mut self, row: &Row) {
        self.keep(row.height());
        let height = row.line_height();
        for at in 0..row.lines() {
            if self.y - height < BOTTOM {
                self.turn();
            }
            self.line(row, at, height);
        }
        self.y -= row.gap;
    }

    /// Turns the page where so much would not fit on what is left of it, and would on another.
    pub(super) fn keep(&mut self, height: f32) {
        let kept = height.min(TOP - BOTTOM - 100.0);
        if self.y - kept < BOTTOM {
            self.turn();
        }
    }

    pub(super) fn space(&mut self, height: f32) {
        self.y -= height;
    }

    pub(super) fn rule(&mut self, x: f32, thickness: f32) {
        let mark = Mark::Rule { y: self.y, x, thickness };
        self.mark(mark);
        self.y -= 4.0;
    }

    /// From here on pages begin with this row.
    pub(super) fn begin_table(&mut self, head: Row) {
        self.keep(head.height() + 40.0);
        self.table_head(&head);
        self.head = Some(head);
    }

    pub(super) fn end_table(&mut self) {
        self.head = None;
    }

    /// Numbers the pages, now that it is known how many there are.
    pub(super) fn finish(mut self, name: &str, stamp: Option<&'static str>) -> Layout {
        let count = self.pages.len();
        for (at, page) in self.pages.iter_mut().enumerate() {
            let name = Cell::new(Column::left(LEFT, 380.0)).with_one(self.fonts, Style::SMALL, name);
            let number = Cell::new(Column::right(RIGHT - 100.0, 100.0));
            let number = number.with(self.fonts, Style::SMALL, &format!("Page {} of {count}", at + 1));
            for cell in [name, number] {
                // A name beyond all measure is cut here; it stands whole on the first page.
                page.extend(cell.lines.first().map(|line| placed(self.fonts, cell.column, line, FOOTER)));
            }
        }
        Layout { pages: self.pages, stamp }
    }

    fn turn(&mut self) {
        self.pages.push(Vec::new());
        self.y = TOP;
        let running = self.running.clone();
        self.lines(&running);
        if let Some(head) = self.head.take() {
            self.table_head(&head);
            self.head = Some(head);
        }
    }

    fn table_head(&mut self, head: &Row) {
        self.lines(head);
        self.rule(LEFT, 0.7);
    }

    fn lines(&mut self, row: &Row) {
        let height = row.line_height();
        for at in 0..row.lines() {
            self.line(row, at, height);
        }
        self.y -= row.gap;
    }

    fn line(&mut self, row: &Row, at: usize, height: f32) {
        let y = self.y - height * BASELINE;
        for cell in &row.cells {
            if let Some(line) = cell.lines.get(at) {
                let mark = placed(self.fonts, cell.column, line, y);
                self.mark(mark);
            }
        }
        self.y -= height;
    }

    fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }
}

fn placed(fonts: &Fonts, column: Column, (text, style): &(String, Style), y: f32) -> Mark {
    let x = match column.side {
        Side::Left => column.x,
        Side::Right => column.x + column.width - fonts.of(style.weight).width(text, style.size),
    };
    Mark::Text { x, y, style: *style, text: text.clone() }
}
