//! Pages made by hand: headers that say what they are told to, and files around them.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataBuilder,
    ParquetMetaDataReader, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;

use super::super::super::headers;

/// A struct of Thrift, field by field.
#[derive(Clone, Default)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    last: u8,
}

impl Fields {
    fn head(&mut self, field: u8, code: u8) {
        self.bytes.push((field - self.last) << 4 | code);
        self.last = field;
    }

    pub(super) fn int(mut self, field: u8, value: i64) -> Self {
        self.head(field, 5);
        unsigned(&mut self.bytes, ((value << 1) ^ (value >> 63)) as u64);
        self
    }

    pub(super) fn flag(mut self, field: u8, value: bool) -> Self {
        self.head(field, if value { 1 } else { 2 });
        self
    }

    pub(super) fn text(mut self, field: u8, text: &str) -> Self {
        self.head(field, 8);
        unsigned(&mut self.bytes, text.len() as u64);
        self.bytes.extend(text.as_bytes());
        self
    }

    pub(super) fn fields(mut self, field: u8, fields: &Self) -> Self {
        self.head(field, 12);
        self.bytes.extend(&fields.bytes);
        self.bytes.push(0);
        self
    }

    /// A list of so many elements with this type code, whatever then comes.
    pub(super) fn list(mut self, field: u8, count: u64, code: u8, elements: &[u8]) -> Self {
        self.head(field, 9);
        self.bytes.push(0xf0 | code);
        unsigned(&mut self.bytes, count);
        self.bytes.extend(elements);
        self
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

/// A number of seven bits a byte.
pub(super) fn unsigned(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// What the header of a page says.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub(super) values: i64,
    pub(super) encoding: Encoding,
    pub(super) uncompressed: i64,
    pub(super) compressed: i64,
}

impl Claim {
    /// The truth about these bytes, not compressed.
    pub(super) fn of(values: i64, encoding: Encoding, body: &[u8]) -> Self {
        let len = body.len() as i64;
        Self {
            values,
            encoding,
            uncompressed: len,
            compressed: len,
        }
    }

    fn head(&self, kind: i64) -> Fields {
        let fields = Fields::default().int(1, kind);
        fields.int(2, self.uncompressed).int(3, self.compressed)
    }

    fn details(&self) -> Fields {
        let fields = Fields::default().int(1, self.values);
        fields.int(2, self.encoding as i64)
    }

    /// A page of the first version.
    pub(super) fn data(&self, body: &[u8]) -> Vec<u8> {
        let rle = Encoding::RLE as i64;
        let details = self.details().int(3, rle).int(4, rle);
        [&self.head(0).fields(5, &details).finish(), body].concat()
    }

    /// A page of the first version whose levels are packed bit by bit.
    pub(super) fn data_packed(&self, body: &[u8]) -> Vec<u8> {
        #[expect(deprecated, reason = "old writers packed their levels so")]
        let packed = Encoding::BIT_PACKED as i64;
        let details = self.details().int(3, packed).int(4, packed);
        [&self.head(0).fields(5, &details).finish(), body].concat()
    }

    /// A page of the second version with these lengths of levels.
    pub(super) fn data_v2(&self, levels: [i64; 2], body: &[u8]) -> Vec<u8> {
        let details = Fields::default()
            .int(1, self.values)
            .int(2, 0)
            .int(3, self.values)
            .int(4, self.encoding as i64)
            .int(5, levels[0])
            .int(6, levels[1])
            .flag(7, true);
        [&self.head(3).fields(8, &details).finish(), body].concat()
    }

    pub(super) fn dictionary(&self, body: &[u8]) -> Vec<u8> {
        [&self.head(2).fields(7, &self.details()).finish(), body].concat()
    }
}

/// How the header of a dictionary begins: the kind of page is its first field.
const DICTIONARY: [u8; 2] = [0x15, 4];

/// A file of one row group with one column `c`, declared so, whose chunk has these bytes. A dictionary
/// at their begin is announced, as are codes for all values then.
pub(super) fn one_column(declared: &str, codec: Compression, rows: i64, chunk: &[u8]) -> Vec<u8> {
    one_column_with(None, declared, codec, rows, chunk)
}

/// The same, which says that another encoding is used too.
pub(super) fn one_column_with(
    other: Option<Encoding>,
    declared: &str,
    codec: Compression,
    rows: i64,
    chunk: &[u8],
) -> Vec<u8> {
    let schema = parse_message_type(&format!("message m {{ {declared}; }}")).unwrap();
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(schema)));
    let (dictionary, data, encoding) = match chunk.starts_with(&DICTIONARY) {
        // Behind the dictionary, wherever that ends: nobody looks for the page there.
        true => (Some(4), 5, Encoding::RLE_DICTIONARY),
        false => (None, 4, Encoding::PLAIN),
    };
    let column = ColumnChunkMetaData::builder(schema.column(0))
        .set_encodings([Encoding::RLE, encoding].into_iter().chain(other).collect())
        .set_dictionary_page_offset(dictionary)
        .set_compression(codec)
        .set_num_values(rows)
        .set_data_page_offset(data)
        .set_total_compressed_size(chunk.len() as i64)
        .set_total_uncompressed_size(chunk.len() as i64)
        .build()
        .unwrap();
    let group = RowGroupMetaData::builder(Arc::clone(&schema))
        .set_num_rows(rows)
        .set_total_byte_size(chunk.len() as i64)
        .add_column_metadata(column)
        .build()
        .unwrap();
    let file = FileMetaData::new(1, rows, None, None, schema, None);
    let metadata = ParquetMetaDataBuilder::new(file)
        .add_row_group(group)
        .build();
    with_footer([b"PAR1", chunk].concat(), &metadata)
}

/// Bytes with a footer behind them.
pub(super) fn with_footer(mut bytes: Vec<u8>, metadata: &ParquetMetaData) -> Vec<u8> {
    let writer = ParquetMetaDataWriter::new(&mut bytes, metadata);
    writer.finish().unwrap();
    bytes
}

/// Bytes with these for a footer.
pub(super) fn with_raw_footer(mut bytes: Vec<u8>, footer: &[u8]) -> Vec<u8> {
    bytes.extend(footer);
    bytes.extend((footer.len() as u32).to_le_bytes());
    bytes.extend(b"PAR1");
    bytes
}

pub(super) fn metadata(bytes: &[u8]) -> ParquetMetaData {
    let bytes = Bytes::from(bytes.to_vec());
    ParquetMetaDataReader::new()
        .parse_and_finish(&bytes)
        .unwrap()
}

/// Where the column chunks of a file stand.
pub(super) fn chunks(metadata: &ParquetMetaData) -> Vec<(ColumnChunkMetaData, usize, usize)> {
    let groups = metadata.row_groups().iter();
    let chunks = groups.flat_map(|group| group.columns().iter().cloned());
    let place = |chunk: ColumnChunkMetaData| {
        let (start, len) = chunk.byte_range();
        (chunk, start as usize, (start + len) as usize)
    };
    chunks.map(place).collect()
}

/// The same file with a checksum in each page header; without page index and Bloom filters.
pub(super) fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let metadata = metadata(bytes);
    let mut out = b"PAR1".to_vec();
    let mut builder = metadata.into_builder();
    for group in builder.take_row_groups() {
        let mut group = group.into_builder();
        let columns = group.take_columns().into_iter().map(|chunk| {
            let (start, len) = chunk.byte_range();
            let start = start as usize;
            let pages = &bytes[start..start + len as usize];
            let (at, mut data, dictionary) =
                (out.len() as i64, None, chunk.dictionary_page_offset());
            let mut begin = 0;
            for body in headers::bodies(&chunk, pages) {
                let is_dictionary = dictionary.is_some() && begin == 0;
                if !is_dictionary {
                    data.get_or_insert(out.len() as i64);
                }
                out.extend(signed(
                    &pages[begin..body.start],
                    crc32(&pages[body.clone()]),
                ));
                out.extend(&pages[body.clone()]);
                begin = body.end;
            }
            chunk
                .into_builder()
                .set_dictionary_page_offset(dictionary.map(|_| at))
                .set_data_page_offset(data.unwrap())
                .set_total_compressed_size(out.len() as i64 - at)
                .set_column_index_offset(None)
                .set_column_index_length(None)
                .set_offset_index_offset(None)
                .set_offset_index_length(None)
                .set_bloom_filter_offset(None)
                .set_bloom_filter_length(None)
                .build()
                .unwrap()
        });
        let columns = columns.collect();
        builder = builder.add_row_group(group.set_column_metadata(columns).build().unwrap());
    }
    with_footer(out, &builder.build())
}

/// A header with a checksum behind its first three fields.
fn signed(header: &[u8], checksum: u32) -> Vec<u8> {
    let mut at = 0;
    for _ in 0..3 {
        at += 1;
        while header[at] >= 0x80 {
            at += 1;
        }
        at += 1;
    }
    let mut signed = header[..at].to_vec();
    signed.push(0x15);
    let checksum = i64::from(checksum as i32);
    unsigned(&mut signed, ((checksum << 1) ^ (checksum >> 63)) as u64);
    // The next field is one nearer.
    signed.push(header[at] - 0x10);
    signed.extend(&header[at + 1..]);
    signed
}

/// The checksum of gzip, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |mut sum: u32, &byte| {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
        }
        sum
    })
}

#[test]
fn the_checksum_is_the_one_of_gzip() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}
