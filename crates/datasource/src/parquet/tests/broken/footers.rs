//! Footers that lie: about rows, about where columns stand, about their own length and shape.

use std::sync::Arc;

use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnChunkMetaDataBuilder, FileMetaData, ParquetMetaDataBuilder,
    RowGroupMetaDataBuilder,
};
use parquet::file::statistics::Statistics;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;

use super::super::{file, rows, small_groups};
use super::pages::{Fields, metadata, with_footer, with_raw_footer};
use super::{check_error, footer_of, memory, open, read, text};

/// No file, of some thousand bytes, takes more memory than this: a row group that claims billions of
/// rows is cut into splits of 256 Ki, and these into windows of, here, 8 rows.
const MOST: u64 = 4 << 20;
const ROWS: usize = 33;

fn whole() -> Vec<u8> {
    file(&[rows(ROWS)], small_groups())
}

/// What reading a file comes to, in little memory.
fn outcome(bytes: &[u8]) -> esker_datatypes::Result<usize> {
    let mut found = Ok(0);
    let memory = memory(|| found = read(bytes));
    assert!(memory < MOST, "{memory} bytes");
    found
}

fn check(bytes: &[u8], in_column: bool, want: &str) {
    let error = outcome(bytes).expect_err(want);
    check_error(&error, in_column);
    assert!(error.to_string().contains(want), "{error}, not {want}");
}

/// The file with another footer: each row group and column goes through these.
fn edited(
    bytes: &[u8],
    group: impl Fn(usize, RowGroupMetaDataBuilder) -> RowGroupMetaDataBuilder,
    column: impl Fn(usize, usize, ColumnChunkMetaDataBuilder) -> ColumnChunkMetaDataBuilder,
) -> Vec<u8> {
    let old = metadata(bytes);
    let groups = old
        .row_groups()
        .iter()
        .cloned()
        .enumerate()
        .map(|(i, old)| {
            let mut edited = old.into_builder();
            let columns = edited.take_columns().into_iter().enumerate();
            let columns = columns.map(|(j, chunk)| column(i, j, chunk.into_builder()));
            let columns: Vec<ColumnChunkMetaData> = columns.map(|c| c.build().unwrap()).collect();
            group(i, edited.set_column_metadata(columns))
                .build()
                .unwrap()
        });
    let groups = groups.collect::<Vec<_>>();
    let file = old.file_metadata();
    let all = groups.iter().map(|group| group.num_rows());
    let file = FileMetaData::new(
        file.version(),
        all.fold(0, i64::wrapping_add),
        None,
        None,
        file.schema_descr_ptr(),
        file.column_orders().cloned(),
    );
    let metadata = ParquetMetaDataBuilder::new(file)
        .set_row_groups(groups)
        .build();
    with_footer(bytes[..footer_of(bytes)].to_vec(), &metadata)
}

/// The file with another number of rows in its second row group.
fn with_rows(count: i64) -> Vec<u8> {
    let keep = |_, _, column| column;
    let change = |i, group: RowGroupMetaDataBuilder| match i {
        1 => group.set_num_rows(count),
        _ => group,
    };
    edited(&whole(), change, keep)
}

/// The file with another footer for the third column of its second row group.
fn with_column(
    change: impl Fn(&ColumnChunkMetaData, ColumnChunkMetaDataBuilder) -> ColumnChunkMetaDataBuilder,
) -> Vec<u8> {
    let whole = whole();
    let old = metadata(&whole);
    let column = |i, j, column| match (i, j) {
        (1, 2) => change(old.row_group(1).column(2), column),
        _ => column,
    };
    edited(&whole, |_, group| group, column)
}

#[test]
fn numbers_of_rows() {
    assert_eq!(outcome(&with_rows(11)).unwrap(), ROWS);
    for count in [12, 16, 1 << 20, i64::from(u32::MAX)] {
        check(&with_rows(count), true, "fewer rows than its row group");
    }
    for count in [1, 4, 8, 10] {
        check(&with_rows(count), true, "more rows than its row group: ");
    }
    for count in [-1, 1 << 32, 1 << 62, -1 << 62] {
        check(
            &with_rows(count),
            false,
            &format!("a row group of {count} rows"),
        );
    }
    // Lists alone, in pages of four rows.
    let lists = rows(ROWS).project(&[6]).unwrap();
    let lists = file(&[lists], small_groups());
    let count = |count| {
        let change = |_, group: RowGroupMetaDataBuilder| group.set_num_rows(count);
        edited(&lists, change, |_, _, column| column)
    };
    assert_eq!(outcome(&count(11)).unwrap(), ROWS);
    for rows in [1, 8, 10, 12, 16] {
        check(&count(rows), true, "row");
    }
    // The file and its row groups do not agree.
    for count in [1, -1, i64::MAX, i64::MIN] {
        let root = Fields::default().text(4, "m").int(5, 0).finish();
        let footer = Fields::default().int(1, 1).list(2, 1, 12, &root);
        let footer = footer.int(3, count).list(4, 0, 12, &[]).finish();
        let bytes = with_raw_footer(b"PAR1".to_vec(), &footer);
        check(&bytes, false, &format!("the file says {count} rows"));
    }
}

#[test]
fn places_of_columns() {
    let len = whole().len() as i64;
    for start in [-1, i64::MIN, len, len + 9, i64::MAX, 1 << 40] {
        let moved = with_column(|_, column| {
            column
                .set_dictionary_page_offset(None)
                .set_data_page_offset(start)
        });
        check(&moved, true, "in a file of");
    }
    for start in [0, 1, 4, 5] {
        let moved = with_column(|_, column| {
            column
                .set_dictionary_page_offset(None)
                .set_data_page_offset(start)
        });
        check(&moved, true, "");
    }
    for size in [-1, -1 << 60, 1 << 60, len, 1 << 40] {
        let sized = with_column(|_, column| column.set_total_compressed_size(size));
        check(&sized, true, "in a file of");
    }
    for more in [-20, -1] {
        let sized = with_column(|old, column| {
            column.set_total_compressed_size(old.compressed_size() + more)
        });
        check(&sized, true, "");
    }
    // Into the next column, and as one with the one before.
    let longer =
        with_column(|old, column| column.set_total_compressed_size(old.compressed_size() + 1));
    check(&longer, true, "too");
    let whole = whole();
    let old = metadata(&whole);
    let other = old.row_group(1).column(1).clone();
    let same = with_column(|_, column| {
        column
            .set_dictionary_page_offset(other.dictionary_page_offset())
            .set_data_page_offset(other.data_page_offset())
            .set_total_compressed_size(other.compressed_size())
    });
    check(&same, true, "the column's bytes are those of");
    // All columns are the same bytes: those are not read once for each.
    let all = edited(
        &whole,
        |_, group| group,
        |_, _, column| {
            let column = column
                .set_dictionary_page_offset(None)
                .set_data_page_offset(0);
            column.set_total_compressed_size(200)
        },
    );
    check(&all, true, "the column's bytes are those of");
    let elsewhere = with_column(|_, column| column.set_file_path("other.parquet".into()));
    check(&elsewhere, true, "another file");
}

#[test]
fn compressions_and_statistics() {
    use parquet::basic::Compression;
    for codec in [
        Compression::SNAPPY,
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::LZO,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
        Compression::BROTLI(Default::default()),
    ] {
        check(
            &with_column(|_, column| column.set_compression(codec)),
            true,
            "",
        );
    }
    // Bounds of too few and too many bytes, and of the wrong order; counts beyond all bounds.
    let few = Statistics::boolean(Some(false), Some(true), None, Some(0), false);
    let many = Statistics::double(Some(1.0), Some(2.0), Some(1), Some(u64::MAX), false);
    let wrong = Statistics::int32(Some(9), Some(-9), None, Some(1 << 60), false);
    for statistics in [few, many, wrong] {
        let whole = whole();
        let lying = edited(
            &whole,
            |_, group| group,
            |_, _, column| column.set_statistics(statistics.clone()),
        );
        match outcome(&lying) {
            Ok(rows) => assert_eq!(rows, ROWS),
            Err(error) => check_error(&error, false),
        }
    }
}

/// The file with this schema in its footer.
fn with_schema(declared: &str) -> Vec<u8> {
    let whole = whole();
    let old = metadata(&whole);
    let schema = parse_message_type(&format!("message m {{ {declared} }}")).unwrap();
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(schema)));
    let file = FileMetaData::new(1, ROWS as i64, None, None, schema, None);
    let groups = old.row_groups().to_vec();
    let lying = ParquetMetaDataBuilder::new(file)
        .set_row_groups(groups)
        .build();
    with_footer(whole[..footer_of(&whole)].to_vec(), &lying)
}

#[test]
fn schemas() {
    let list = "optional group list (LIST) { repeated group list { optional int32 element; } }";
    let with = |first: &str, rest: &str| {
        format!(
            "{first}; optional int32 number; optional binary kind (UTF8); \
             optional binary text (UTF8); optional double float; optional boolean flag; {rest}"
        )
    };
    assert_eq!(
        outcome(&with_schema(&with("required int64 id", list))).unwrap(),
        ROWS
    );
    // Too few columns, and too many.
    for declared in [
        "required int64 id;".to_owned(),
        with("required int64 id", ""),
        with("required int64 id", &format!("{list} optional int32 more;")),
    ] {
        check(&with_schema(&declared), false, "");
    }
    // Other types than those that were written.
    for id in [
        "required int32 id",
        "required boolean id",
        "required float id",
        "required double id",
        "required int96 id",
        "required binary id",
        "required binary id (UTF8)",
        "required fixed_len_byte_array(3) id",
        "required fixed_len_byte_array(16) id (DECIMAL(38, 2))",
        "optional int64 id",
        "repeated int64 id",
    ] {
        let error = outcome(&with_schema(&with(id, list))).expect_err(id);
        check_error(&error, false);
        let text = error.to_string();
        assert!(
            text.contains("statistic") || text.contains("'id'"),
            "{text}"
        );
    }
}

#[test]
fn lengths_of_footers() {
    let whole = whole();
    let at = whole.len() - 8;
    let length = (at - footer_of(&whole)) as u32;
    for wrong in [
        u32::MAX,
        i32::MAX as u32,
        1 << 31,
        at as u32 + 1,
        length + 1,
        length - 1,
        1,
        0,
    ] {
        let mut bytes = whole.clone();
        bytes[at..at + 4].copy_from_slice(&wrong.to_le_bytes());
        check(&bytes, false, "");
    }
    for magic in [b"PARE", b"PAR2"] {
        let mut bytes = whole.clone();
        bytes[at + 4..].copy_from_slice(magic);
        check(&bytes, false, "");
    }
}

#[test]
fn shapes_of_footers() {
    let check = |footer: Fields, want: &str| {
        let bytes = with_raw_footer(b"PAR1".to_vec(), &footer.finish());
        check(&bytes, false, want);
    };
    let start = || Fields::default().int(1, 1);
    // Lists of more elements than there are bytes, of each kind that a footer has.
    for count in [100, i32::MAX as u64, u64::from(u32::MAX), u64::MAX] {
        for field in [2, 4, 5, 7] {
            check(start().list(field, count, 12, &[0; 9]), "a list of");
        }
    }
    // Those of booleans take no bytes: they would be counted for minutes.
    let mut lists = Vec::new();
    for _ in 0..200 {
        lists.push(0xf1);
        unsigned_max(&mut lists);
    }
    check(start().list(9, 200, 9, &lists), "a list of");
    check(start().list(9, i32::MAX as u64, 1, &[]), "a list of");
    let mut deep = Fields::default();
    for _ in 0..10_000 {
        deep = Fields::default().fields(1, &deep);
    }
    check(start().fields(9, &deep), "nested too deeply");
    // A column in a column in a column: whoever walks the schema does so recursively.
    let group = Fields::default().int(3, 1).text(4, "g").int(5, 1).finish();
    let leaf = Fields::default().int(1, 1).int(3, 1).text(4, "x").finish();
    for depth in [101, 100_000] {
        let elements = [group.repeat(depth), leaf.clone()].concat();
        let footer = start().list(2, depth as u64 + 1, 12, &elements);
        check(footer.int(3, 0).list(4, 0, 12, &[]), "nested in each other");
    }
    let elements = [group.repeat(50), leaf].concat();
    let footer = start()
        .list(2, 51, 12, &elements)
        .int(3, 0)
        .list(4, 0, 12, &[]);
    let bytes = with_raw_footer(b"PAR1".to_vec(), &footer.finish());
    assert_eq!(text(open(&bytes)), "");
    assert_eq!(outcome(&bytes).unwrap(), 0);
}

fn unsigned_max(bytes: &mut Vec<u8>) {
    super::pages::unsigned(bytes, i32::MAX as u64);
}
