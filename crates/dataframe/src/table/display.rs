//! A table as text: boxed, types under names, shortened to the terminal.

use std::fmt;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema as ArrowSchema};
use esker_datatypes::{format_value, value_type};
use esker_runtime::terminal;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Table;

/// How many rows are printed of a longer table: half of them its first, half its last.
const MAX_ROWS: usize = 20;

/// How wide a table may be where there is no terminal to ask: in a file, a pipe, a log.
const WIDTH: usize = 120;

/// Columns are cut down to this before any of them is left out.
const NARROWEST: usize = 12;

/// What stands for what is not shown.
const GAP: &str = "…";

impl fmt::Display for Table {
    /// The names, the types under them, and the rows, boxed; then how many of each there are.
    ///
    /// Numbers stand to the right, everything else to the left; a null is `NULL`. Characters that
    /// would break the lines are escaped. At most 20 rows are shown, the first and the last ten, and
    /// no line is wider than the terminal (where there is none, than `COLUMNS`, or 120 columns): long
    /// values end in `…`, then columns in the middle give way to a column `…`. Values that are not
    /// shown are not looked at.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = terminal::width().unwrap_or(WIDTH);
        f.write_str(&format(&self.schema, &self.batches, width, MAX_ROWS))
    }
}

/// The batches as a table of at most `width` columns of text (but never less than one column of
/// values) and `max_rows` rows.
fn format(schema: &ArrowSchema, batches: &[RecordBatch], width: usize, max_rows: usize) -> String {
    let rows = choose_rows(batches, max_rows);
    let columns = choose_columns(schema, &rows, width);
    let mut text = String::new();
    if !columns.is_empty() {
        draw(&columns, rows.len(), &mut text);
    }
    let shown = |all: u64, shown: u64, one: &str| {
        let of = if shown < all {
            format!("{} of ", grouped(shown))
        } else {
            String::new()
        };
        format!(
            "{of}{} {one}{}",
            grouped(all),
            if all == 1 { "" } else { "s" }
        )
    };
    let all_rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let all_columns = schema.fields().len() as u64;
    // Rows without columns have nothing to show.
    let shown_rows = match all_columns {
        0 => all_rows,
        _ => rows.iter().filter(|row| matches!(row, Row::At(..))).count() as u64,
    };
    let shown_columns = columns.iter().filter(|column| !column.is_gap).count() as u64;
    if shown_rows < all_rows || shown_columns < all_columns {
        text.push_str("showing ");
    }
    text.push_str(&shown(all_rows, shown_rows, "row"));
    text.push_str(", ");
    text.push_str(&shown(all_columns, shown_columns, "column"));
    text
}

/// A line of the table.
enum Row<'a> {
    At(&'a RecordBatch, usize),
    Gap,
}

/// All rows, or the first and the last ones.
fn choose_rows(batches: &[RecordBatch], max_rows: usize) -> Vec<Row<'_>> {
    let all: u64 = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let rows_of = |batch| (0..RecordBatch::num_rows(batch)).map(move |row| Row::At(batch, row));
    if all <= max_rows as u64 {
        return batches.iter().flat_map(rows_of).collect();
    }
    let (first, last) = (max_rows.div_ceil(2), max_rows / 2);
    let backwards = batches.iter().rev().flat_map(|batch| rows_of(batch).rev());
    let mut tail: Vec<Row<'_>> = backwards.take(last).collect();
    let mut rows: Vec<Row<'_>> = batches.iter().flat_map(rows_of).take(first).collect();
    rows.push(Row::Gap);
    tail.reverse();
    rows.extend(tail);
    rows
}

/// A column of text: the name, the type, a cell for each line.
struct TextColumn {
    name: String,
    data_type: String,
    cells: Vec<String>,
    to_the_right: bool,
    is_gap: bool,
    width: usize,
}

impl TextColumn {
    fn new(schema: &ArrowSchema, index: usize, rows: &[Row<'_>], width: usize) -> Self {
        let field = schema.fields().get(index);
        let text = |text: &str| shorten(text, width);
        let cell = |row: &Row<'_>| match row {
            Row::Gap => GAP.to_owned(),
            Row::At(batch, row) => match batch.columns().get(index) {
                Some(array) => text(&format_value(array, *row)),
                None => String::new(),
            },
        };
        let mut column = Self {
            name: field.map_or_else(String::new, |field| text(field.name())),
            data_type: field.map_or_else(String::new, |field| text(&field.data_type().to_string())),
            cells: rows.iter().map(cell).collect(),
            to_the_right: field.is_some_and(|field| is_number(field.data_type())),
            is_gap: false,
            width: 0,
        };
        column.measure();
        column
    }

    /// What stands for the columns that are left out.
    fn gap(rows: usize) -> Self {
        Self {
            name: GAP.to_owned(),
            data_type: String::new(),
            cells: vec![GAP.to_owned(); rows],
            to_the_right: false,
            is_gap: true,
            width: 1,
        }
    }

    fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        [&mut self.name, &mut self.data_type]
            .into_iter()
            .chain(&mut self.cells)
    }

    fn measure(&mut self) {
        self.width = self.texts().map(|text| text.width()).max().unwrap_or(0);
    }

    fn cut(&mut self, width: usize) {
        if self.width > width {
            self.texts().for_each(|text| *text = shorten(text, width));
            self.measure();
        }
    }
}

fn is_number(data_type: &DataType) -> bool {
    value_type(data_type).is_numeric()
}

/// All columns, or the first and the last ones, cut so that they fit.
fn choose_columns(schema: &ArrowSchema, rows: &[Row<'_>], width: usize) -> Vec<TextColumn> {
    let all = schema.fields().len();
    let text = |index: usize| TextColumn::new(schema, index, rows, width);
    // More than so many never fit: a value and a line beside it take four characters.
    let most = width / 4 + 1;
    if all <= most {
        let mut columns: Vec<TextColumn> = (0..all).map(text).collect();
        let widths: Vec<usize> = columns.iter().map(|column| column.width).collect();
        let fits = fit(widths, width);
        // One that does not fit is not left out for that.
        let alone = (all == 1).then(|| width.saturating_sub(4).max(1));
        if let Some(cut) = fits.or(alone) {
            columns.iter_mut().for_each(|column| column.cut(cut));
            return columns;
        }
    }
    // By turns one of the first and one of the last, as long as they fit.
    let (mut first, mut last) = (Vec::new(), Vec::new());
    let mut widths = vec![1];
    let mut cut = width.saturating_sub(8).max(1);
    for i in 0..all.saturating_sub(1) {
        let front = i % 2 == 0;
        let column = text(if front { i / 2 } else { all - 1 - i / 2 });
        widths.push(column.width);
        match fit(widths.clone(), width) {
            Some(fits) => cut = fits,
            None if i > 0 => break,
            None => {}
        }
        if front {
            first.push(column)
        } else {
            last.push(column)
        }
    }
    last.reverse();
    let mut columns = first;
    columns.push(TextColumn::gap(rows.len()));
    columns.extend(last);
    columns.iter_mut().for_each(|column| column.cut(cut));
    columns
}

/// The width to which columns must be cut so that they fit side by side; `None` when that would be
/// too narrow.
fn fit(mut widths: Vec<usize>, width: usize) -> Option<usize> {
    let lines = 3 * widths.len() + 1;
    let mut room = width.checked_sub(lines)?;
    widths.sort_unstable();
    let mut left = widths.len();
    for width in widths {
        if width * left > room {
            // This one and all wider ones share what is left.
            return Some(room / left).filter(|&cut| cut >= NARROWEST);
        }
        room -= width;
        left -= 1;
    }
    Some(usize::MAX)
}

fn draw(columns: &[TextColumn], rows: usize, text: &mut String) {
    let rule = |text: &mut String, [left, middle, right]: [char; 3]| {
        for (i, column) in columns.iter().enumerate() {
            text.push(if i == 0 { left } else { middle });
            text.extend(std::iter::repeat_n('─', column.width + 2));
        }
        text.push(right);
        text.push('\n');
    };
    let line = |text: &mut String, cell: &dyn Fn(&TextColumn) -> Option<&str>| {
        for column in columns {
            let cell = cell(column).unwrap_or_default();
            let padding = std::iter::repeat_n(' ', column.width.saturating_sub(cell.width()));
            text.push_str("│ ");
            if column.to_the_right {
                text.extend(padding);
                text.push_str(cell);
            } else {
                text.push_str(cell);
                text.extend(padding);
            }
            text.push(' ');
        }
        text.push_str("│\n");
    };
    rule(text, ['┌', '┬', '┐']);
    line(text, &|column| Some(&column.name));
    line(text, &|column| Some(&column.data_type));
    if rows > 0 {
        rule(text, ['├', '┼', '┤']);
    }
    for row in 0..rows {
        line(text, &|column| column.cells.get(row).map(String::as_str));
    }
    rule(text, ['└', '┴', '┘']);
}

/// The text on one line of at most `width` columns: `a\nb`, `a long te…`.
fn shorten(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len().min(4 * width));
    let mut used = 0;
    // Where to cut when it turns out that there is more than fits.
    let mut cut = 0;
    for char in text.chars() {
        let before = out.len();
        if char.is_control() || is_layout(char) {
            out.extend(char.escape_default());
            used += out.len() - before;
        } else {
            out.push(char);
            used += char.width().unwrap_or(0);
        }
        if used < width {
            cut = out.len();
        } else if used > width {
            out.truncate(cut);
            // What joined two characters joins none now.
            out.truncate(out.trim_end_matches('\u{200d}').len());
            out.push_str(GAP);
            return out;
        }
    }
    out
}

/// Characters that turn the direction of the text behind them, or start a new line.
fn is_layout(char: char) -> bool {
    matches!(
        char,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
