//! How many bytes compressed bytes can stand for at most, whatever a page says of them.
//!
//! The decoder makes room for as many bytes as a page header claims before it looks at the page. A
//! claim is believed as far as the codec could have produced it from what is there:
//! - Snappy's longest copy is 64 bytes in 3, LZ4's lengths grow by 255 a byte, and [DEFLATE] turns 2
//!   bits into 258 bytes at best.
//! - [Zstandard] is cut into blocks, whose headers say what each can hold: 128 KiB at most where it
//!   is compressed.
//! - Brotli has no such bound: 16 MiB of one byte fit a dozen bytes, and the decoder goes on to their
//!   end, however few a page claims. They are decompressed, into nothing, before they are believed.
//!
//! [DEFLATE]: https://www.rfc-editor.org/rfc/rfc1951
//! [Zstandard]: https://www.rfc-editor.org/rfc/rfc8878

use std::io::Read;

use parquet::basic::Compression;

/// The most bytes that a compressed block of Zstandard stands for.
const BLOCK: u64 = 128 << 10;

/// Whether these bytes can stand for as many as `claimed`. What is not compressed always can: no
/// room is made for it.
pub(super) fn can_hold(codec: Compression, bytes: &[u8], claimed: u64) -> bool {
    let count = bytes.len() as u64;
    match codec {
        Compression::UNCOMPRESSED | Compression::LZO => true,
        Compression::SNAPPY => claimed <= count.saturating_mul(22),
        Compression::LZ4 | Compression::LZ4_RAW => claimed <= count.saturating_mul(255),
        Compression::GZIP(_) => claimed <= count.saturating_mul(1032),
        Compression::ZSTD(_) => claimed <= zstd(bytes),
        Compression::BROTLI(_) => brotli(bytes, claimed),
    }
}

/// What frames of Zstandard can hold, as far as they are well formed.
fn zstd(mut bytes: &[u8]) -> u64 {
    let mut all: u64 = 0;
    while let Some((frame, rest)) = zstd_frame(bytes) {
        all = all.saturating_add(frame);
        bytes = rest;
    }
    all
}

/// What a frame can hold, and what is behind it; `None` where there is none.
fn zstd_frame(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (magic, rest) = bytes.split_first_chunk::<4>()?;
    let magic = u32::from_le_bytes(*magic);
    if magic & 0xffff_fff0 == 0x184d_2a50 {
        // One that is passed over.
        let (length, rest) = rest.split_first_chunk::<4>()?;
        return Some((0, rest.get(u32::from_le_bytes(*length) as usize..)?));
    }
    if magic != 0xfd2f_b528 {
        return None;
    }
    let (&descriptor, rest) = rest.split_first()?;
    let one_segment = descriptor & 0x20 != 0;
    let has_checksum = descriptor & 0x04 != 0;
    let window = usize::from(!one_segment);
    let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3))?;
    let content = match descriptor >> 6 {
        0 => usize::from(one_segment),
        size => 1 << size,
    };
    let mut rest = rest.get(window + dictionary + content..)?;
    let mut all: u64 = 0;
    loop {
        let (head, body) = rest.split_first_chunk::<3>()?;
        let [a, b, c] = *head;
        let head = u32::from_le_bytes([a, b, c, 0]);
        let size = head >> 3;
        let (holds, stored) = match (head >> 1) & 3 {
            0 => (size.into(), size),
            1 => (size.into(), 1),
            _ => (BLOCK, size),
        };
        // A block that is cut short cannot be decompressed, and is the last one.
        all = all.saturating_add(holds);
        rest = body.get(stored as usize..)?;
        if head & 1 == 1 {
            return Some((all, rest.get(if has_checksum { 4 } else { 0 }..)?));
        }
    }
}

/// Whether Brotli's bytes stand for as many as that, and no more.
fn brotli(bytes: &[u8], claimed: u64) -> bool {
    let mut decoder = brotli_decompressor::Decompressor::new(bytes, 4096);
    let mut scratch = [0; 4096];
    let mut count: u64 = 0;
    while count <= claimed {
        match decoder.read(&mut scratch) {
            Ok(0) => return count == claimed,
            Err(_) => return false,
            Ok(read) => count += read as u64,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ParquetOptions;
    use crate::parquet::tests::{file, table};
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use bytes::Bytes;
    use parquet::basic::{BrotliLevel, GzipLevel, ZstdLevel};
    use parquet::file::metadata::ParquetMetaDataReader;
    use parquet::file::properties::WriterProperties;
    use std::sync::Arc;

    #[test]
    fn what_is_compressed_best_is_believed() {
        // Nothing is easier to compress than this, and no codec's bound may lie below.
        let zeros: ArrayRef = Arc::new(Int64Array::from(vec![0; 1 << 19]));
        let batch = RecordBatch::try_from_iter([("zero", zeros)]).unwrap();
        for codec in [
            Compression::SNAPPY,
            Compression::LZ4,
            Compression::LZ4_RAW,
            Compression::GZIP(GzipLevel::try_new(9).unwrap()),
            Compression::ZSTD(ZstdLevel::try_new(19).unwrap()),
            Compression::BROTLI(BrotliLevel::try_new(9).unwrap()),
        ] {
            let properties = WriterProperties::builder()
                .set_compression(codec)
                .set_dictionary_enabled(false)
                .set_data_page_size_limit(8 << 20)
                .set_data_page_row_count_limit(1 << 19);
            let bytes = file(std::slice::from_ref(&batch), properties);
            let source = table(&bytes, ParquetOptions::default());
            assert_eq!(crate::parquet::tests::read(&source)[0], batch, "{codec}");
            let bytes = Bytes::from(bytes);
            let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes);
            let metadata = metadata.unwrap();
            let chunk = metadata.row_group(0).column(0);
            let (start, len) = chunk.byte_range();
            let page = bytes.slice(start as usize..(start + len) as usize);
            let [body] = &super::super::headers::bodies(chunk, &page)[..] else {
                panic!("one page");
            };
            let body = &page[body.clone()];
            assert!(can_hold(codec, body, 4 << 20), "{codec}");
            assert!(!can_hold(codec, body, i32::MAX as u64), "{codec}");
        }
    }
}
