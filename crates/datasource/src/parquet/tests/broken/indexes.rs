//! Page indexes that lie: they are left aside, and no memory is taken for what they claim.

use esker_datatypes::{Column, ScalarValue};
use esker_kernels::compare::CompareOp;
use esker_logical_plan::TableSource;
use parquet::file::metadata::ColumnChunkMetaData;

use super::super::pruning::filter_of;
use super::super::{file, rows, small_groups};
use super::pages::metadata;
use super::{memory, open, scan};

/// The files have some thousand bytes.
const MOST: u64 = 1 << 20;
const ROWS: usize = 33;

/// How many rows of a file have an `id` above 13, and how much memory it takes to find them.
fn above(bytes: &[u8]) -> (usize, u64) {
    let source = open(bytes).unwrap();
    let schema = source.schema();
    let value = Column::constant(ScalarValue::from(13i64), 1);
    let filter = filter_of(&schema, "id", CompareOp::Gt, value);
    let mut found = 0;
    let bytes = memory(|| found = scan(&source, vec![filter]).unwrap());
    (found, bytes)
}

#[test]
fn numbers_of_pages() {
    let whole = file(&[rows(ROWS)], small_groups());
    let (want, most) = above(&whole);
    assert!(
        want == ROWS - 14 && most < MOST,
        "{want} rows, {most} bytes"
    );
    let places = [
        ColumnChunkMetaData::offset_index_offset,
        ColumnChunkMetaData::column_index_offset,
    ];
    for row_group in 0..3 {
        let metadata = metadata(&whole);
        let chunk = metadata.row_group(row_group).column(0);
        for place in places {
            // Behind the head of the first field stands that of its list.
            let at = place(chunk).unwrap() as usize + 1;
            let mut bytes = whole.clone();
            bytes[at..at + 6].copy_from_slice(&[0xfc, 0xff, 0xff, 0xff, 0xff, 0x07]);
            let (found, most) = above(&bytes);
            assert_eq!(found, want);
            assert!(most < MOST, "{most} bytes");
        }
    }
}
