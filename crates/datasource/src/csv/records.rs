//! The records of a batch and the text of their fields.

/// Offsets within a batch, and lengths, fit 30 bits: the kind of a field takes the other two.
pub(super) const MAX_BATCH_BYTES: usize = (1 << 30) - 1;

/// How a field was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// Quoted, no quote within.
    Quoted,
    /// Quoted, with doubled quotes.
    Escaped,
    /// Quoted, but not to its end.
    Malformed,
}

/// A field: its text without the quotes around it, relative to the start of the batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u32,
    /// The kind stands in the upper two bits.
    len: u32,
}

impl Span {
    pub(super) fn new(start: usize, len: usize, kind: Kind) -> Self {
        // Whatever does not fit is dropped with its record: the tokenizer sees to that.
        Self {
            start: start as u32,
            len: (len & MAX_BATCH_BYTES) as u32 | (kind as u32) << 30,
        }
    }

    fn kind(self) -> Kind {
        match self.len >> 30 {
            0 => Kind::Plain,
            1 => Kind::Quoted,
            2 => Kind::Escaped,
            _ => Kind::Malformed,
        }
    }
}

/// The text of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    /// Empty and not quoted: null.
    Null,
    /// The text as it stands.
    Text(&'a [u8]),
    /// Text in which quotes are doubled.
    Escaped(&'a [u8]),
    /// A quoted text that goes on behind its closing quote, as it stands.
    Malformed(&'a [u8]),
}

/// The records of a batch: where they start, and their wanted fields.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Where in the chunk the batch starts.
    pub(super) base: usize,
    /// Where each record starts, relative to the base.
    pub(super) starts: Vec<u32>,
    /// The wanted fields, record by record.
    pub(super) spans: Vec<Span>,
    /// How many fields are wanted of a record.
    pub(super) width: usize,
    /// How many fields the last record has.
    pub(super) seen: usize,
}

impl Records {
    pub(super) fn rows(&self) -> usize {
        self.starts.len()
    }

    /// How many fields the last record has.
    pub(super) fn fields_seen(&self) -> usize {
        self.seen
    }

    /// Where in the chunk a record starts.
    pub(super) fn start(&self, row: usize) -> usize {
        self.base + self.starts.get(row).map_or(0, |&start| start as usize)
    }

    /// The fields of the wanted column at this place among the wanted ones; `chunk` is what they
    /// were read from.
    pub(super) fn column<'a>(&'a self, chunk: &'a [u8], slot: usize) -> Fields<'a> {
        let bytes = chunk.get(self.base..).unwrap_or_default();
        Fields {
            bytes,
            spans: &self.spans,
            width: self.width.max(1),
            slot,
            rows: self.rows(),
        }
    }
}

/// The fields of one column of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
    width: usize,
    slot: usize,
    rows: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// How many bytes the field of a record has.
    #[inline]
    pub(super) fn text_len(&self, row: usize) -> usize {
        let span = self.spans.get(row * self.width + self.slot);
        span.map_or(0, |span| span.len as usize & MAX_BATCH_BYTES)
    }

    /// The field of each record.
    #[inline]
    pub(super) fn iter(self) -> impl Iterator<Item = Field<'a>> {
        let spans = self
            .spans
            .chunks_exact(self.width)
            .filter_map(move |s| s.get(self.slot));
        spans.map(move |&span| self.field(span))
    }

    /// The field of a record; null where there is none.
    #[inline]
    pub(super) fn get(&self, row: usize) -> Field<'a> {
        match self.spans.get(row * self.width + self.slot) {
            Some(&span) => self.field(span),
            None => Field::Null,
        }
    }

    #[inline]
    fn field(&self, span: Span) -> Field<'a> {
        let start = span.start as usize;
        let len = span.len as usize & MAX_BATCH_BYTES;
        let text = self.bytes.get(start..start + len).unwrap_or_default();
        match span.kind() {
            Kind::Plain if text.is_empty() => Field::Null,
            Kind::Plain | Kind::Quoted => Field::Text(text),
            Kind::Escaped => Field::Escaped(text),
            Kind::Malformed => Field::Malformed(text),
        }
    }
}
