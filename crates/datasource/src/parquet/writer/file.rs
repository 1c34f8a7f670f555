//! The file under its temporary name.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::ErrorKind as IoKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use esker_datatypes::{Error, ErrorKind, Result};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::encode::RowGroup;

/// A file that nobody sees before it is whole: a temporary one beside it. Dropped before it is
/// finished it is removed.
pub(super) struct Output {
    path: PathBuf,
    temporary: PathBuf,
    /// `None` when it is finished.
    writer: Option<SerializedFileWriter<File>>,
}

impl Output {
    /// A file for rows of this schema, and what makes encoders for its row groups.
    ///
    /// # Errors
    /// `Io`, naming the path; `Unsupported` for a type that the format does not have.
    pub(super) fn create(
        path: &Path,
        schema: &ArrowSchemaRef,
        properties: WriterProperties,
    ) -> Result<(Self, ArrowRowGroupWriterFactory)> {
        let io = |error| Error::io(path, error);
        if path.is_dir() {
            return Err(io(IoKind::IsADirectory.into()));
        }
        let (temporary, file) = create_temporary(path).map_err(io)?;
        let mut output = Self {
            path: path.to_owned(),
            temporary,
            writer: None,
        };
        // From here on the temporary file goes when an error comes.
        let writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties));
        let parts = writer.and_then(ArrowWriter::into_serialized_writer);
        let (writer, factory) = parts.map_err(|e| parquet_error(e).in_file(path))?;
        output.writer = Some(writer);
        Ok((output, factory))
    }

    /// Appends a row group.
    pub(super) fn append(&mut self, row_group: RowGroup) -> Result<()> {
        let Some(writer) = &mut self.writer else {
            return Err(Error::internal("a row group for a file that is finished"));
        };
        let append = || {
            let mut group = writer.next_row_group()?;
            for chunk in row_group.chunks {
                chunk.append_to_row_group(&mut group)?;
            }
            group.close()
        };
        let written = append();
        written.map_err(|e| write_error(e, &self.path))?;
        Ok(())
    }

    /// Makes the file visible and says how many bytes it has.
    pub(super) fn finish(mut self) -> Result<u64> {
        let Some(mut writer) = self.writer.take() else {
            return Err(Error::internal("a file is finished twice"));
        };
        writer.finish().map_err(|e| write_error(e, &self.path))?;
        let bytes = writer.bytes_written() as u64;
        drop(writer);
        fs::rename(&self.temporary, &self.path).map_err(|e| Error::io(&self.path, e))?;
        self.temporary = PathBuf::new();
        Ok(bytes)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.temporary.as_os_str().is_empty() {
            // Where that fails there is nothing else to do.
            drop(self.writer.take());
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// A new file in the same folder, under a name of its own: `.out.parquet.4711-0.tmp`.
fn create_temporary(path: &Path) -> std::io::Result<(PathBuf, File)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or(IoKind::InvalidInput)?;
    loop {
        let mut temporary = OsString::from(".");
        temporary.push(name);
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        temporary.push(format!(".{process}-{number}.tmp"));
        let temporary = path.with_file_name(temporary);
        match File::create_new(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            // Left by a process of the same number that was killed.
            Err(error) if error.kind() == IoKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// What the encoder refused.
pub(super) fn parquet_error(error: ParquetError) -> Error {
    let message = error.to_string();
    let kind = match &error {
        ParquetError::NYI(_) | ParquetError::ArrowError(_) => {
            ErrorKind::Unsupported { feature: message }
        }
        _ => ErrorKind::Internal { message },
    };
    Error::external(kind, error)
}

/// What the file refused.
fn write_error(error: ParquetError, path: &Path) -> Error {
    match &error {
        ParquetError::External(source) => {
            let message = source.to_string();
            let path = path.to_owned();
            Error::external(ErrorKind::Io { path, message }, error)
        }
        _ => parquet_error(error).in_file(path),
    }
}
