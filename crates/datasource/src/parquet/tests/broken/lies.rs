//! Pages that lie: what they claim is an error that says where, and no memory is taken for it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::properties::WriterProperties;

use super::pages::{Claim, one_column, one_column_with, unsigned};
use super::{check_error, memory, read};
use crate::ParquetOptions;
use crate::parquet::headers::bodies;
use crate::parquet::tests::{file, read as read_rows, table};

/// No lie takes more memory than this: the files have less than a thousand bytes.
const MOST: u64 = 4 << 20;
const NONE: Compression = Compression::UNCOMPRESSED;

/// The file is an error in its column that says this.
fn check(file: &[u8], want: &str) {
    let mut found = Ok(0);
    let bytes = memory(|| found = read(file));
    let error = found.expect_err(want);
    check_error(&error, true);
    let text = error.to_string();
    assert!(text.contains("in row group 0"), "{text}");
    assert!(text.contains(want), "{text}, not {want}");
    assert!(bytes < MOST, "{bytes} bytes: {text}");
}

fn codecs() -> [Compression; 6] {
    [
        Compression::SNAPPY,
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
        Compression::BROTLI(Default::default()),
    ]
}

/// Four numbers.
fn numbers() -> Vec<u8> {
    (0..4i64).flat_map(i64::to_le_bytes).collect()
}

#[test]
fn pages_made_by_hand_are_read() {
    let page = Claim::of(4, Encoding::PLAIN, &numbers());
    let read = |chunk: &[u8]| read(&one_column("required int64 c", NONE, 4, chunk)).unwrap();
    assert_eq!(read(&page.data(&numbers())), 4);
    assert_eq!(read(&page.data_v2([0, 0], &numbers())), 4);
}

/// A decoder of text asks for as many rows as a batch has, and would go on behind the last page.
#[test]
fn behind_the_last_page_stands_nothing() {
    let page = Claim::of(4, Encoding::PLAIN, &numbers());
    for declared in ["required int64 c", "required int32 c (INTEGER(8,true))"] {
        let chunk = [page.data(&numbers()), vec![0xff; 9]].concat();
        let want = "9 bytes that are no page stand behind the last one";
        check(&one_column(declared, NONE, 4, &chunk), want);
    }
}

/// Gzip and Brotli make what they can of a few bytes, whatever the header of the page says.
#[test]
fn claims_of_less_than_there_is() {
    let gzip = Compression::GZIP(Default::default());
    for codec in [gzip, Compression::BROTLI(Default::default())] {
        let body = zeros(codec);
        for uncompressed in [32, 16 << 20] {
            let page = Claim {
                uncompressed,
                ..Claim::of(4, Encoding::PLAIN, &body)
            };
            let lie = one_column("required boolean c", codec, 4, &page.data(&body));
            let mut found = Ok(0);
            // The window of the decompressor takes some, the page would take 32 MiB.
            let bytes = memory(|| found = read(&lie));
            assert!(bytes < 16 << 20, "{bytes}");
            let error = found.unwrap_err().to_string();
            let want = format!("cannot hold the {uncompressed} that it claims");
            assert!(error.contains(&want), "{codec}: {error}");
        }
    }
}

/// 32 MiB of zeros, compressed as one page.
fn zeros(codec: Compression) -> Bytes {
    let zeros: ArrayRef = Arc::new(Int64Array::from(vec![0; 1 << 22]));
    let zeros = RecordBatch::try_from_iter([("zero", zeros)]).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(codec)
        .set_dictionary_enabled(false)
        .set_data_page_size_limit(64 << 20)
        .set_data_page_row_count_limit(1 << 22)
        .set_max_row_group_row_count(Some(1 << 22));
    let written = Bytes::from(file(&[zeros], properties));
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&written);
    let metadata = metadata.unwrap();
    let chunk = metadata.row_group(0).column(0);
    let (start, len) = chunk.byte_range();
    let pages = written.slice(start as usize..(start + len) as usize);
    pages.slice(bodies(chunk, &pages)[0].clone())
}

/// Behind the levels stands nothing, not even what a codec makes of nothing.
#[test]
fn pages_of_nulls_alone() {
    let levels = [8, 0];
    let page = Claim::of(4, Encoding::PLAIN, &levels).data_v2([2, 0], &levels);
    for codec in codecs() {
        for declared in ["optional int64 c", "optional boolean c"] {
            let file = one_column(declared, codec, 4, &page);
            assert_eq!(read(&file).unwrap(), 4, "{codec}: {declared}");
        }
    }
}

#[test]
fn lengths_of_pages() {
    let page = Claim::of(4, Encoding::PLAIN, &numbers());
    let claim = |codec, uncompressed, compressed, want: &str| {
        let page = Claim {
            uncompressed,
            compressed,
            ..page
        };
        let second = page.data_v2([0, 0], &numbers());
        for chunk in [page.data(&numbers()), page.dictionary(&numbers()), second] {
            check(&one_column("required int64 c", codec, 4, &chunk), want);
        }
    };
    let most = i32::MAX.into();
    for codec in codecs() {
        claim(codec, most, 32, "cannot hold the 2147483647");
        claim(codec, -1, 32, "page 0: ");
        claim(codec, 64, -1, "page 0: ");
        claim(codec, 64, most, "2147483647 bytes, 32 are left");
        claim(codec, 1 << 40, 32, "for one of 32 bits");
    }
    claim(NONE, 32, most, "2147483647 bytes, 32 are left");
    claim(NONE, 32, 33, "33 bytes, 32 are left");
}

#[test]
fn claims_that_compressed_bytes_make_themselves() {
    let mut length = Vec::new();
    unsigned(&mut length, u32::MAX.into());
    length.extend([0; 28]);
    let frame = |magic: u32, rest: &[u8]| [&magic.to_le_bytes(), rest].concat();
    // A frame of 2^40 bytes in one segment, then an empty block; and one that is passed over.
    let content = frame(0xfd2f_b528, &[0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0]);
    let skipped = frame(0x184d_2a50, &[0xff; 20]);
    let hadoop = [&[0xff; 4][..], &[0, 0, 0, 20], &[0; 20]].concat();
    let snappy = (Compression::SNAPPY, length);
    let zstd = |bytes| (Compression::ZSTD(Default::default()), bytes);
    // A window of 16 MiB, of which nothing follows.
    let brotli = (Compression::BROTLI(Default::default()), vec![0x0f; 20]);
    let old = (Compression::LZ4, hadoop);
    for (codec, body) in [snappy, zstd(content), zstd(skipped), brotli, old] {
        let page = Claim {
            uncompressed: 32,
            ..Claim::of(4, Encoding::PLAIN, &body)
        };
        check(
            &one_column("required int64 c", codec, 4, &page.data(&body)),
            "",
        );
        let page = Claim {
            uncompressed: 1 << 30,
            ..page
        };
        let file = one_column("required int64 c", codec, 4, &page.data(&body));
        check(&file, "cannot hold the 1073741824");
    }
}

#[test]
fn numbers_of_values() {
    let body = numbers();
    let claim = |values, want: &str| {
        let page = Claim::of(values, Encoding::PLAIN, &body);
        for chunk in [page.data(&body), page.data_v2([0, 0], &body)] {
            check(&one_column("required int64 c", NONE, 4, &chunk), want);
        }
    };
    claim(i32::MAX.into(), "more rows than its row group: 4");
    claim(5, "more rows than its row group: 4");
    claim(3, "fewer rows than its row group: 3 of 4");
    claim(-4, "cannot hold the -4 values");
    // The row group lies along.
    for rows in [5, 1 << 31, u32::MAX.into()] {
        let most = rows.min(i32::MAX.into());
        let page = Claim::of(most, Encoding::PLAIN, &body).data(&body);
        check(&one_column("required int64 c", NONE, rows, &page), "");
        check(
            &one_column("optional binary c (UTF8)", NONE, rows, &page),
            "",
        );
        // All values are there, say the levels.
        let mut run = Vec::new();
        unsigned(&mut run, most as u64 * 2);
        run.push(1);
        let body = [&(run.len() as u32).to_le_bytes()[..], &run, &numbers()].concat();
        let claim = Claim::of(most, Encoding::PLAIN, &body).data(&body);
        check(&one_column("optional int64 c", NONE, rows, &claim), "");
    }
}

#[test]
fn numbers_of_values_in_dictionaries() {
    for declared in [
        "required int32 c",
        "required int64 c",
        "required int96 c",
        "required double c",
        "required binary c",
        "required binary c (UTF8)",
        "required fixed_len_byte_array(8) c",
    ] {
        for values in [i32::MAX.into(), 9, -1] {
            let dictionary = Claim::of(values, Encoding::PLAIN, &numbers());
            let codes = Claim::of(4, Encoding::RLE_DICTIONARY, &[2, 8, 0]);
            let chunk = [dictionary.dictionary(&numbers()), codes.data(&[2, 8, 0])].concat();
            let want = format!("cannot hold the {values} values");
            check(&one_column(declared, NONE, 4, &chunk), &want);
        }
    }
}

#[test]
fn codes_wider_than_any_and_beyond_the_dictionary() {
    let dictionary = Claim::of(4, Encoding::PLAIN, &numbers()).dictionary(&numbers());
    for codes in [
        &[255, 8, 0][..],
        &[33, 8, 0],
        &[3, 8, 7],
        &[32, 8, 255, 255, 255, 255],
        &[],
    ] {
        let page = Claim::of(4, Encoding::RLE_DICTIONARY, codes).data(codes);
        let chunk = [&dictionary[..], &page].concat();
        check(&one_column("required int64 c", NONE, 4, &chunk), "");
        // And without a dictionary.
        check(&one_column("required int64 c", NONE, 4, &page), "");
    }
}

#[test]
fn lengths_of_texts() {
    for length in [u32::MAX, i32::MAX as u32, 1 << 31, 5] {
        let body = [&length.to_le_bytes()[..], b"text"].concat();
        let page = Claim::of(1, Encoding::PLAIN, &body);
        for declared in ["required binary c (UTF8)", "required binary c"] {
            check(&one_column(declared, NONE, 1, &page.data(&body)), "");
            let codes = Claim::of(1, Encoding::RLE_DICTIONARY, &[1, 2, 0]).data(&[1, 2, 0]);
            let chunk = [page.dictionary(&body), codes].concat();
            check(&one_column(declared, NONE, 1, &chunk), "");
        }
    }
}

#[test]
fn dictionaries_that_are_no_text() {
    let codes = Claim::of(1, Encoding::RLE_DICTIONARY, &[1, 2, 0]).data(&[1, 2, 0]);
    let chunk = |text: &[u8]| {
        let body = [&(text.len() as u32).to_le_bytes()[..], text].concat();
        let dictionary = Claim::of(1, Encoding::PLAIN, &body).dictionary(&body);
        one_column(
            "required binary c (UTF8)",
            NONE,
            1,
            &[&dictionary[..], &codes].concat(),
        )
    };
    assert_eq!(read(&chunk("h\u{e9}".as_bytes())).unwrap(), 1);
    // In a view itself, in a block, and cut within a character.
    for text in [
        &[0xff; 3][..],
        &[0xfe; 20],
        "h\u{e9}".as_bytes().split_at(2).0,
    ] {
        check(&chunk(text), "a text that is no UTF-8");
    }
}

#[test]
fn pages_of_other_kinds() {
    let page = Claim::of(4, Encoding::PLAIN, &numbers()).data(&numbers());
    // The kind is the first field.
    for kind in [1, 4, 30] {
        let mut other = page.clone();
        other[1] = 2 * kind;
        let chunk = [&page[..], &other].concat();
        let file = one_column("required int64 c", NONE, 8, &chunk);
        check(&file, "page 1, which is of a kind that holds no values");
    }
}

#[test]
fn second_dictionaries() {
    let codes = Claim::of(1, Encoding::RLE_DICTIONARY, &[1, 2, 0]).data(&[1, 2, 0]);
    let text = |text: &str| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let (one, other) = ("the first text of two", "o");
    for (declared, bodies) in [
        ("required binary c (UTF8)", [text(one), text(other)]),
        ("required binary c", [text(one), text(other)]),
        ("required int64 c", [vec![1; 8], vec![2; 8]]),
    ] {
        let [first, second] =
            bodies.map(|body| Claim::of(1, Encoding::PLAIN, &body).dictionary(&body));
        // Texts as codes, and as views since other pages may be plain.
        for plain in [None, Some(Encoding::PLAIN)] {
            let column = |chunk: &[u8]| one_column_with(plain, declared, NONE, 2, chunk);
            let sound = [&first[..], &codes, &codes].concat();
            assert_eq!(read(&column(&sound)).unwrap(), 2);
            let chunk = [&first[..], &codes, &second, &codes].concat();
            check(&column(&chunk), "a second dictionary");
        }
    }
}

/// Integers packed as differences: what the header says, then one block of equal values.
fn deltas(block: u64, parts: u64, count: u64, first: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in [block, parts, count, first] {
        unsigned(&mut bytes, number);
    }
    bytes.extend([0, 0, 0, 0, 0]);
    bytes
}

#[test]
fn differences() {
    let texts = [
        "required binary c (UTF8)",
        "required fixed_len_byte_array(2) c",
    ];
    // Four lengths of two bytes each, and four prefixes of none.
    let (sound, none) = (deltas(128, 4, 4, 4), deltas(128, 4, 4, 0));
    let body = [&none[..], &sound, b"aabbccdd"].concat();
    let page = Claim::of(4, Encoding::DELTA_BYTE_ARRAY, &body);
    assert_eq!(
        read(&one_column_with(
            Some(Encoding::DELTA_BYTE_ARRAY),
            texts[0],
            NONE,
            4,
            &page.data(&body)
        ))
        .unwrap(),
        4
    );
    for count in [5, 1 << 31, 1 << 40, 1 << 62, u64::MAX] {
        for (block, parts) in [
            (128, 4),
            (1 << 31, 4),
            (1 << 60, 4),
            (0, 4),
            (128, 1 << 40),
            (1 << 7, 0),
        ] {
            let lying = deltas(block, parts, count, 4);
            let second = [&none[..], &lying].concat();
            for (encoding, body) in [
                (Encoding::DELTA_LENGTH_BYTE_ARRAY, &lying),
                (Encoding::DELTA_BYTE_ARRAY, &lying),
                (Encoding::DELTA_BYTE_ARRAY, &second),
            ] {
                for declared in texts {
                    let page = Claim::of(4, encoding, body);
                    for page in [page.data(body), page.data_v2([0, 0], body)] {
                        let file = one_column_with(Some(encoding), declared, NONE, 4, &page);
                        check(&file, "");
                    }
                }
            }
            let page = Claim::of(4, Encoding::DELTA_BINARY_PACKED, &lying);
            // Here their number says nothing: there are as many as the page has values.
            match read(&one_column("required int64 c", NONE, 4, &page.data(&lying))) {
                Ok(rows) => assert_eq!(rows, 4),
                Err(error) => check_error(&error, true),
            }
        }
    }
    // Widths of more bits than integers have, and values that are not there.
    let mut wide = deltas(128, 4, 4, 4);
    let end = wide.len() - 4;
    for width in [64, 65, 255] {
        wide[end] = width;
        let page = Claim::of(4, Encoding::DELTA_BINARY_PACKED, &wide);
        check(
            &one_column("required int32 c", NONE, 4, &page.data(&wide)),
            "",
        );
        let page = Claim::of(4, Encoding::DELTA_LENGTH_BYTE_ARRAY, &wide);
        check(&one_column(texts[0], NONE, 4, &page.data(&wide)), "");
    }
}

#[test]
fn levels() {
    let body = |length: u32| [&length.to_le_bytes()[..], &[8, 1], &numbers()].concat();
    assert_eq!(
        read(&one_column(
            "optional int64 c",
            NONE,
            4,
            &Claim::of(4, Encoding::PLAIN, &body(2)).data(&body(2))
        ))
        .unwrap(),
        4
    );
    for length in [u32::MAX, i32::MAX as u32, 99] {
        let body = body(length);
        for encoding in [Encoding::PLAIN, Encoding::DELTA_BYTE_ARRAY] {
            let page = Claim::of(4, encoding, &body).data(&body);
            let declared = match encoding {
                Encoding::PLAIN => "optional int64 c",
                _ => "optional binary c",
            };
            check(&one_column(declared, NONE, 4, &page), "");
        }
    }
    let page = Claim::of(4, Encoding::PLAIN, &numbers());
    let most = i32::MAX.into();
    for levels in [
        [most, 0],
        [0, most],
        [most, most],
        [-1, 1],
        [33, 0],
        [-8, 0],
    ] {
        for codec in [NONE, Compression::SNAPPY] {
            let page = page.data_v2(levels, &numbers());
            check(
                &one_column("optional int64 c", codec, 4, &page),
                "levels of",
            );
        }
    }
}

/// Of old writers: one bit each, the highest of a byte first.
#[test]
fn packed_levels() {
    let body = [&[0b1011_0100, 0b0100_0000][..], &numbers(), &numbers()].concat();
    let page = Claim::of(10, Encoding::PLAIN, &body).data_packed(&body);
    let source = table(
        &one_column("optional int64 c", NONE, 10, &page),
        ParquetOptions::default(),
    );
    let found = read_rows(&source)[0].column(0).clone();
    let want = [
        Some(0),
        None,
        Some(1),
        Some(2),
        None,
        Some(3),
        None,
        None,
        None,
        Some(0),
    ];
    assert_eq!(*found.as_primitive(), Int64Array::from(want.to_vec()));
    let refused = "not supported: levels encoded as BIT_PACKED";
    for declared in ["optional boolean c", "repeated int64 c"] {
        check(&one_column(declared, NONE, 10, &page), refused);
    }
    // Of texts the same ones are there.
    let length = |length: u32| length.to_le_bytes();
    let texts = [
        &length(1)[..],
        b"a",
        &length(0),
        &length(1),
        b"c",
        &length(0),
        &length(1),
        b"a",
    ]
    .concat();
    let body = [&[0b1011_0100, 0b0100_0000][..], &texts].concat();
    let page = Claim::of(10, Encoding::PLAIN, &body).data_packed(&body);
    let source = table(
        &one_column("optional binary c (UTF8)", NONE, 10, &page),
        ParquetOptions::default(),
    );
    let found = read_rows(&source)[0].column(0).clone();
    let want = want.map(|number| number.map(|number| ["a", "", "c", ""][number as usize]));
    assert_eq!(
        *found.as_string_view(),
        StringViewArray::from(want.to_vec())
    );
    // Levels that are not there are encoded in no way.
    let page = Claim::of(8, Encoding::PLAIN, &[0x55]).data_packed(&[0x55]);
    let required = one_column("required boolean c", NONE, 8, &page);
    assert_eq!(read(&required).unwrap(), 8);
}

#[test]
fn lists_that_never_end() {
    // Four numbers in the page, which says that they are as many as there can be.
    let body = [
        &4u32.to_le_bytes()[..],
        &[0xfe, 0xff, 0xff, 0xff],
        &4u32.to_le_bytes(),
        &[8, 1, 8, 1],
        &numbers(),
    ]
    .concat();
    for encoding in [Encoding::PLAIN, Encoding::DELTA_BINARY_PACKED] {
        let page = Claim::of(i32::MAX.into(), encoding, &body).data(&body);
        check(&one_column("repeated int64 c", NONE, 4, &page), "");
    }
}

#[test]
fn widths_of_values() {
    // Nulls alone, of any width: all of them take the room of values.
    let nulls = [&2u32.to_le_bytes()[..], &[8, 0]].concat();
    let page = Claim::of(4, Encoding::PLAIN, &nulls).data(&nulls);
    for width in [i32::MAX, 1 << 30, 1 << 20] {
        for repetition in ["optional", "required", "repeated"] {
            let declared = format!("{repetition} fixed_len_byte_array({width}) c");
            let mut found = Ok(0);
            let bytes = memory(|| found = read(&one_column(&declared, NONE, 4, &page)));
            let error = found.unwrap_err();
            check_error(&error, false);
            let text = error.to_string();
            assert!(text.contains(&format!("values of {width} bytes")), "{text}");
            assert!(
                text.contains("in column 'c'") && bytes < MOST,
                "{text}: {bytes}"
            );
        }
    }
    // A file that is long enough, but not for its pages.
    let width = 100_000;
    let long = [&page[..], &vec![0; width]].concat();
    let declared = format!("optional fixed_len_byte_array({width}) c");
    let want = format!("values have {width} bytes");
    check(&one_column(&declared, NONE, 4, &long), &want);
    let file = one_column("optional fixed_len_byte_array(1000) c", NONE, 4, &page);
    assert_eq!(read(&file).unwrap(), 4);
}
