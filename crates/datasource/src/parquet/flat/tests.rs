//! What the reader gives, against the values that were written.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, Date32Array, Decimal64Array, Decimal128Array,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringViewArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::{concat, take};
use arrow::datatypes::{Decimal64Type, Field, Schema as ArrowSchema};
use esker_datatypes::Buffers;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use proptest::prelude::*;

use super::reader::runs_of;
use super::*;
use crate::MemoryReadAt;
use crate::parquet::chunks::{Pool, RowGroupBytes};
use crate::parquet::column::is_coded;
use crate::parquet::footer::Footer;
use crate::parquet::selected::Selected;
use crate::parquet::tests::file;

/// A column of one of the types that the reader reads; `None` is null.
fn column(kind: usize, values: &[Option<u16>]) -> ArrayRef {
    let each = |value: &Option<u16>| value.map(i64::from);
    let four = |value: &Option<u16>| value.map(i32::from);
    match kind {
        0 => Arc::new(values.iter().map(each).collect::<Int64Array>()),
        1 => Arc::new(values.iter().map(four).collect::<Int32Array>()),
        2 => {
            let values = values.iter().map(|v| v.map(|v| f64::from(v) - 0.5));
            Arc::new(values.collect::<Float64Array>())
        }
        3 => {
            let values = values.iter().map(|v| v.map(|v| -f32::from(v)));
            Arc::new(values.collect::<Float32Array>())
        }
        4 => Arc::new(values.iter().map(four).collect::<Date32Array>()),
        5 => {
            let values = values.iter().map(each).collect::<Decimal64Array>();
            Arc::new(values.with_precision_and_scale(12, 2).unwrap())
        }
        6 => {
            let values = values.iter().map(each);
            Arc::new(values.collect::<TimestampMicrosecondArray>())
        }
        7 => {
            let values = values.iter().map(|v| v.map(|v| u32::MAX - u32::from(v)));
            Arc::new(values.collect::<UInt32Array>())
        }
        8 | 9 => {
            // Nine and sixteen bytes.
            let precision = if kind == 8 { 20 } else { 38 };
            let values = values.iter().map(|v| {
                let number = i128::from((*v)?) - 20;
                Some(number * 10i128.pow(u32::from(precision) - 4))
            });
            let values = values.collect::<Decimal128Array>();
            Arc::new(values.with_precision_and_scale(precision, 2).unwrap())
        }
        11..15 => {
            let values = values.iter().map(|v| v.map(|v| i64::from(v) - 20));
            let values = values.collect::<Decimal64Array>();
            let precision = if kind == 14 { 18 } else { 3 };
            Arc::new(values.with_precision_and_scale(precision, 2).unwrap())
        }
        10 | 15 | 16 => {
            // Of some lengths around what a view holds, and not all of them ASCII.
            let text = |v: u16| match (kind, v) {
                (16, 0..3) => format!("Größe {v}, "),
                (10, _) => format!("text number {v}"),
                _ => "abcdefghijklmnop"[..usize::from(v) % 17].to_owned(),
            };
            let texts = values.iter().map(|v| v.map(text));
            Arc::new(texts.collect::<StringViewArray>())
        }
        _ => {
            let bytes = values.iter().map(|v| v.map(|v| vec![255; usize::from(v)]));
            Arc::new(BinaryViewArray::from_iter(bytes))
        }
    }
}

/// The column as it is written: decimals of kinds from 11 on as numbers of a few bytes.
fn stored(kind: usize, column: &ArrayRef) -> ArrayRef {
    let width = match kind {
        11..14 => kind - 10,
        14 => 8,
        _ => return Arc::clone(column),
    };
    let numbers = column.as_primitive::<Decimal64Type>().iter();
    let bytes = numbers.map(|number| Some(number?.to_be_bytes()[8 - width..].to_vec()));
    let bytes = FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, width as i32);
    Arc::new(bytes.unwrap())
}

fn compressions() -> [Compression; 6] {
    [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
    ]
}

/// The first column of a file's first row group, and what its readers use.
struct Column<'a> {
    data_type: &'a DataType,
    len: u64,
    footer: Footer,
    bytes: RowGroupBytes,
    buffers: Buffers,
    pool: Pool,
}

impl<'a> Column<'a> {
    fn load((file, data_type): (&[u8], &'a DataType), bytes: RowGroupBytes) -> Self {
        let len = file.len() as u64;
        let file = MemoryReadAt::from(file.to_vec());
        let footer = Footer::read(&file, len).unwrap();
        let (mut pool, buffers) = (Pool::default(), Buffers::default());
        bytes.load(&file, len, &footer, 0, &[0], &mut pool).unwrap();
        Self {
            data_type,
            len,
            footer,
            bytes,
            buffers,
            pool,
        }
    }

    fn rows(&self) -> usize {
        self.footer.rows(0)
    }

    /// A reader of the selected ones of these rows.
    fn open(&self, rows: Range<usize>, selected: &Selected) -> FlatReader {
        let (_, chunk) = self.footer.flat_chunk(0, 0).unwrap();
        let coded = is_coded(Some(chunk), self.data_type);
        let form = Form::of(chunk, self.data_type, coded).unwrap();
        let view = self.bytes.view(self.len, rows);
        let piece = view.piece(0);
        let form = (form, self.data_type);
        FlatReader::open(chunk, (view, piece), form, self.rows(), selected).unwrap()
    }

    fn next(&mut self, reader: &mut FlatReader, rows: usize, places: Option<&[u32]>) -> ArrayRef {
        let decoded = reader.next(rows, places, &mut self.buffers, &mut self.pool);
        match decoded.unwrap() {
            Decoded::Array(array) => array,
            Decoded::Codes(codes, texts) => take(&texts, &codes, None).unwrap(),
        }
    }
}

/// All that the reader gives of the first column of a file, in portions; with a number only of
/// those rows of a portion that it does not divide.
fn read(
    file: (&[u8], &DataType),
    selected: &Selected,
    portions: &[usize],
    places: Option<u32>,
) -> Vec<ArrayRef> {
    let mut column = Column::load(file, RowGroupBytes::default());
    let rows = column.rows();
    let mut reader = column.open(0..rows, selected);
    let mut left = match selected {
        Selected::All => rows,
        Selected::Runs(runs) => runs.row_count(),
        Selected::Picked(rows) => rows.len(),
    };
    let mut found = Vec::new();
    for &portion in portions.iter().chain([&usize::MAX]) {
        let portion = portion.min(left);
        let rows = places.map(|of| some_of(portion, of));
        let array = column.next(&mut reader, portion, rows.as_deref());
        assert_eq!(array.len(), portion);
        left -= portion;
        found.push(match rows {
            Some(rows) => take(&array, &UInt32Array::from(rows), None).unwrap(),
            None => array,
        });
    }
    reader.recycle(&mut column.buffers, &mut column.pool);
    found
}

/// What readers of pieces give of the first column of a file, the pieces by their last rows.
///
/// They read in turn, a portion each, all of them beginning before the first one ends. With `of`
/// only the rows that it does not divide are read.
fn read_pieces(
    file: (&[u8], &DataType),
    ends: &[usize],
    portion: usize,
    of: Option<usize>,
) -> Vec<ArrayRef> {
    let mut column = Column::load(file, RowGroupBytes::of_pieces());
    let rows = column.rows();
    let mut start = 0;
    let mut readers = Vec::new();
    for &end in ends {
        let runs = vec![
            RowSelector::skip(start),
            RowSelector::select(end - start),
            RowSelector::skip(rows - end),
        ];
        let (selected, count) = match of {
            None => (Selected::Runs(RowSelection::from(runs)), end - start),
            Some(of) => {
                let picked = (start..end).filter(|row| row % of > 0);
                let picked: Vec<u32> = picked.map(|row| row as u32).collect();
                let count = picked.len();
                (Selected::Picked(picked.into()), count)
            }
        };
        let mut reader = column.open(start..end, &selected);
        if start % 2 == 0 {
            reader.start(&mut column.pool).unwrap();
        }
        readers.push((reader, count, Vec::new()));
        start = end;
    }
    while readers.iter().any(|(_, left, _)| *left > 0) {
        for (reader, left, found) in &mut readers {
            let rows = portion.min(*left);
            *left -= rows;
            found.push(column.next(reader, rows, None));
        }
    }
    let (readers, found): (Vec<_>, Vec<_>) = readers.into_iter().map(|(r, _, f)| (r, f)).unzip();
    for reader in readers {
        reader.recycle(&mut column.buffers, &mut column.pool);
    }
    Arc::new(column.bytes).recycle(&mut column.pool);
    found.concat()
}

/// The numbers below `count` that `of` does not divide.
fn some_of(count: usize, of: u32) -> Vec<u32> {
    (0..count as u32).filter(|i| i % of > 0).collect()
}

#[derive(Clone, Debug)]
struct Shape {
    kind: usize,
    nullable: bool,
    version: WriterVersion,
    dictionary: bool,
    /// The dictionary grows too large, and plain pages follow.
    falls_back: bool,
    page_rows: usize,
    compression: usize,
}

impl Shape {
    /// A file with one column, and that; of the values each comes so many times.
    fn written(&self, values: Vec<(Option<u16>, usize)>) -> (Vec<u8>, ArrayRef) {
        // Neighbours are often the same, or count on.
        let values = values.into_iter().flat_map(|(value, count)| {
            (0..count).map(move |i| {
                let value = value.map(|v| if v % 2 == 0 { v } else { v + i as u16 });
                value.or_else(|| i.is_multiple_of(2).then_some(7))
            })
        });
        let values = values.map(|value| {
            if self.nullable {
                value
            } else {
                value.or(Some(3))
            }
        });
        let array = column(self.kind, &values.collect::<Vec<_>>());
        let stored = stored(self.kind, &array);
        let field = Field::new("c", stored.data_type().clone(), self.nullable);
        let schema = Arc::new(ArrowSchema::new(vec![field]));
        let batch = RecordBatch::try_new(schema, vec![stored]).unwrap();
        let mut properties = WriterProperties::builder()
            .set_writer_version(self.version)
            .set_dictionary_enabled(self.dictionary)
            .set_data_page_row_count_limit(self.page_rows)
            .set_write_batch_size(self.page_rows.min(16))
            .set_compression(compressions()[self.compression]);
        if self.falls_back {
            properties = properties.set_dictionary_page_size_limit(16);
        }
        if !self.dictionary || self.falls_back {
            properties = properties.set_encoding(Encoding::PLAIN);
        }
        (file(&[batch], properties), array)
    }
}

/// Values, each with how many times it comes.
fn values() -> impl Strategy<Value = Vec<(Option<u16>, usize)>> {
    let value = prop::option::weighted(0.8, 0u16..40);
    prop::collection::vec((value, 1usize..30), 1..12)
}

fn shapes() -> impl Strategy<Value = Shape> {
    let version = prop_oneof![
        Just(WriterVersion::PARQUET_1_0),
        Just(WriterVersion::PARQUET_2_0)
    ];
    let all = (
        0usize..18,
        any::<bool>(),
        version,
        any::<(bool, bool)>(),
        1usize..70,
        0usize..6,
    );
    all.prop_map(
        |(kind, nullable, version, (dictionary, falls_back), page_rows, compression)| Shape {
            kind,
            nullable,
            version,
            dictionary,
            falls_back,
            page_rows,
            compression,
        },
    )
}

#[test]
fn pieces_share_dictionaries_and_pages() {
    // Where the texts of a piece stand: of the dictionary, or of the page.
    let places = |dictionary, page_rows, ends: &[usize]| -> Vec<*const u8> {
        let shape = Shape {
            kind: 16,
            nullable: false,
            version: WriterVersion::PARQUET_1_0,
            dictionary,
            falls_back: false,
            page_rows,
            compression: 1,
        };
        let (bytes, array) = shape.written(vec![(Some(2), 60)]);
        let found = read_pieces((&bytes, array.data_type()), ends, 60, None);
        let buffers = |array: &ArrayRef| {
            let buffers = array.as_string_view().data_buffers().iter();
            let place = buffers
                .filter(|buffer| !buffer.is_empty())
                .map(|b| b.as_ptr());
            place.collect::<Vec<_>>()
        };
        found.iter().flat_map(buffers).collect()
    };
    for (dictionary, page_rows) in [(true, 60), (true, 20), (false, 60)] {
        let [one, other] = places(dictionary, page_rows, &[30, 60])[..] else {
            panic!("one place each");
        };
        assert_eq!(one, other, "{dictionary}, {page_rows}");
    }
    // The third of five pages is read by both, the others by one; of four pages none is.
    let five = places(false, 12, &[30, 60]);
    assert_eq!((five.len(), five[2]), (6, five[3]));
    let four = places(false, 15, &[30, 60]);
    for (places, apart) in [(five, 5), (four, 4)] {
        assert_eq!(places.iter().collect::<HashSet<_>>().len(), apart);
    }
}

#[test]
fn dictionaries_are_read_for_codes_alone() {
    let shape = Shape {
        kind: 0,
        nullable: false,
        version: WriterVersion::PARQUET_1_0,
        dictionary: true,
        falls_back: true,
        page_rows: 20,
        compression: 1,
    };
    let (mut bytes, array) = shape.written(vec![(Some(1), 60)]);
    let source = MemoryReadAt::from(bytes.clone());
    let footer = Footer::read(&source, bytes.len() as u64).unwrap();
    let (_, chunk) = footer.flat_chunk(0, 0).unwrap();
    let start = chunk.dictionary_page_offset().unwrap() as usize;
    let page = &mut bytes[start..chunk.data_page_offset() as usize];
    // Behind its header, where Snappy says how many bytes there were.
    let is_packed = |from: &usize| {
        let plain = snap::raw::Decoder::new().decompress_vec(&page[*from..]);
        plain.is_ok_and(|plain| !plain.is_empty())
    };
    let packed = (0..page.len()).find(is_packed).unwrap();
    page[packed..packed + 2].fill(0xff);
    let mut column = Column::load((&bytes, array.data_type()), RowGroupBytes::default());
    let last: Vec<u32> = (50..60).collect();
    let mut reader = column.open(0..60, &Selected::Picked(last.into()));
    let found = column.next(&mut reader, 10, None);
    assert_eq!(&found, &array.slice(50, 10));
    let mut reader = column.open(0..60, &Selected::All);
    let all = reader.next(60, None, &mut column.buffers, &mut column.pool);
    assert!(all.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn values_come_back(
        shape in shapes(),
        values in values(),
        portions in prop::collection::vec(0usize..60, 0..6),
        runs in prop::option::of(prop::collection::vec((1usize..80, any::<bool>()), 1..8)),
        picked in any::<bool>(),
        places in prop::option::of(2u32..5),
    ) {
        let (bytes, array) = shape.written(values);
        let count = array.len();
        let selection = runs.map(|runs| {
            let mut left = count;
            let mut selectors = Vec::new();
            for (count, skip) in runs {
                let row_count = count.min(left);
                left -= row_count;
                selectors.push(RowSelector { row_count, skip });
            }
            RowSelection::from(selectors)
        });
        let mut rows = match &selection {
            None => (0..count as u32).collect(),
            Some(selection) => runs_of(selection)
                .into_iter()
                .flat_map(|run| run.start as u32..run.end as u32)
                .collect::<Vec<_>>(),
        };
        let (selected, places) = match selection {
            _ if picked => {
                rows.retain(|row| row % 7 > 2);
                (Selected::Picked(rows.clone().into()), None)
            }
            None => (Selected::All, places),
            Some(selection) => (Selected::Runs(selection), places),
        };
        let found = read((&bytes, array.data_type()), &selected, &portions, places);
        let found: Vec<&dyn Array> = found.iter().map(AsRef::as_ref).collect();
        let found = concat(&found).unwrap();
        if let Some(of) = places {
            let (mut at, mut looked_at) = (0, Vec::new());
            for portion in portions.into_iter().chain([usize::MAX]) {
                let portion = portion.min(rows.len() - at);
                looked_at.extend(some_of(portion, of).into_iter().map(|i| rows[at + i as usize]));
                at += portion;
            }
            rows = looked_at;
        }
        let want = take(&array, &UInt32Array::from(rows), None).unwrap();
        prop_assert_eq!(&found, &want);
    }

    #[test]
    fn pieces_come_back(
        shape in shapes(),
        values in values(),
        ends in prop::collection::vec(0usize..300, 0..5),
        portion in 1usize..60,
        of in prop::option::of(2usize..5),
    ) {
        let (bytes, array) = shape.written(values);
        let mut ends: Vec<usize> = ends.into_iter().map(|end| end.min(array.len())).collect();
        ends.push(array.len());
        ends.sort_unstable();
        let found = read_pieces((&bytes, array.data_type()), &ends, portion, of);
        let mut found: Vec<&dyn Array> = found.iter().map(AsRef::as_ref).collect();
        let none = array.slice(0, 0);
        found.push(&none);
        let rows = (0..array.len() as u32).filter(|&row| of.is_none_or(|of| !(row as usize).is_multiple_of(of)));
        let want = take(&array, &UInt32Array::from_iter_values(rows), None).unwrap();
        prop_assert_eq!(&concat(&found).unwrap(), &want);
    }
}
