//! A table as text.

use std::fmt;

use super::Table;

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for batch in &self.batches { for row in 0..batch.num_rows() { for column in batch.columns() { write!(f, "{} ", esker_datatypes::format_value(column, row))?; } writeln!(f)?; } }
        Ok(())
    }
}
