//! How a CSV file is to be read.

use arrow::datatypes::SchemaRef;
use esker_datatypes::{Error, Result};

use super::dialect::Dialect;

/// How a CSV file is to be read. The default: a header, commas, double quotes, types inferred from
/// the first 1000 rows, and any mistake in the file an error.
///
/// ```
/// use esker_datasource::CsvOptions;
/// let options = CsvOptions::default().with_delimiter(b';').with_skip_rows(1);
/// assert!(options.has_header);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CsvOptions {
    /// Whether the first record names the columns. Without a header they are `field_1`, `field_2`
    /// and so on.
    pub has_header: bool,
    /// What stands between fields.
    pub delimiter: u8,
    /// What stands around fields that hold delimiters or line ends, and doubled within them.
    pub quote: u8,
    /// How many lines stand before the header (or the first record), whatever they hold.
    pub skip_rows: usize,
    /// The names and types of the columns, in file order; the header is then skipped and nothing
    /// inferred. All columns may hold nulls, whatever it says.
    pub schema: Option<SchemaRef>,
    /// How many rows the types are inferred from; with 0 all columns are text.
    pub infer_rows: usize,
    /// Whether mistakes are mended: a value that does not fit its column is null, a short row is
    /// filled up with nulls, a long one cut, a quote that never ends reaches to the end.
    pub ignore_errors: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            has_header: true,
            delimiter: b',',
            quote: b'"',
            skip_rows: 0,
            schema: None,
            infer_rows: 1000,
            ignore_errors: false,
        }
    }
}

impl CsvOptions {
    /// Whether the first record names the columns.
    #[must_use]
    pub fn with_has_header(mut self, has_header: bool) -> Self {
        self.has_header = has_header;
        self
    }

    /// What stands between fields: one byte, no line end, not the quote.
    #[must_use]
    pub fn with_delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// What stands around fields: one byte, no line end, not the delimiter.
    #[must_use]
    pub fn with_quote(mut self, quote: u8) -> Self {
        self.quote = quote;
        self
    }

    /// How many lines stand before the header.
    #[must_use]
    pub fn with_skip_rows(mut self, skip_rows: usize) -> Self {
        self.skip_rows = skip_rows;
        self
    }

    /// The names and types of the columns.
    #[must_use]
    pub fn with_schema(mut self, schema: SchemaRef) -> Self {
        self.schema = Some(schema);
        self
    }

    /// How many rows the types are inferred from.
    #[must_use]
    pub fn with_infer_rows(mut self, infer_rows: usize) -> Self {
        self.infer_rows = infer_rows;
        self
    }

    /// Whether mistakes in the file are mended.
    #[must_use]
    pub fn with_ignore_errors(mut self, ignore_errors: bool) -> Self {
        self.ignore_errors = ignore_errors;
        self
    }

    /// The bytes that give a file its structure.
    ///
    /// # Errors
    /// `InvalidInput` when they cannot be told apart.
    pub(super) fn dialect(&self) -> Result<Dialect> {
        let Self {
            delimiter, quote, ..
        } = *self;
        for (what, byte) in [("delimiter", delimiter), ("quote", quote)] {
            if matches!(byte, b'\n' | b'\r') {
                return Err(Error::invalid_input(format!(
                    "the {what} of a CSV is a line end"
                )));
            }
        }
        if delimiter == quote {
            let text = char::from(quote);
            let message = format!("delimiter and quote of a CSV are the same: {text:?}");
            return Err(Error::invalid_input(message));
        }
        Ok(Dialect { delimiter, quote })
    }
}
