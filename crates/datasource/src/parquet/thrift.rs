//! Thrift's compact protocol, as far as it takes to look at what a decoder is about to believe.
//!
//! The [encoding] is walked, not stored: nothing is allocated, and nothing is walked twice.
//!
//! [encoding]: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md

use esker_datatypes::{Error, Result};

/// What lies within each other deeper than this is no metadata of Parquet.
const DEPTH: usize = 32;

/// The type of a field or of the elements of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// In a field: its value is in the type itself.
    Bool(bool),
    Byte,
    /// Of 16, 32 or 64 bits: all are written alike.
    Int,
    Double,
    /// Bytes or text.
    Binary,
    /// A list or a set.
    List,
    Struct,
}

impl Kind {
    /// # Errors
    /// `Data` for maps and for codes that are none: Parquet has neither.
    fn of_code(code: u8) -> Result<Self> {
        Ok(match code {
            1 => Self::Bool(true),
            2 => Self::Bool(false),
            3 => Self::Byte,
            4..=6 => Self::Int,
            7 => Self::Double,
            8 => Self::Binary,
            9 | 10 => Self::List,
            12 => Self::Struct,
            other => return Err(Error::data(format!("metadata of the unknown type {other}"))),
        })
    }
}

/// Bytes that are walked from their front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thrift<'a>(pub(super) &'a [u8]);

impl Thrift<'_> {
    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }

    fn byte(&mut self) -> Result<u8> {
        let (&first, rest) = self.0.split_first().ok_or_else(ends)?;
        self.0 = rest;
        Ok(first)
    }

    fn pass(&mut self, count: u64) -> Result<()> {
        let count = usize::try_from(count).map_err(|_| ends())?;
        self.0 = self.0.get(count..).ok_or_else(ends)?;
        Ok(())
    }

    fn unsigned(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Error::data("metadata with a number of more than 64 bits"))
    }

    fn int(&mut self) -> Result<i64> {
        let coded = self.unsigned()?;
        Ok((coded >> 1) as i64 ^ -((coded & 1) as i64))
    }

    /// The integer of 32 bits that a field of this type holds.
    ///
    /// # Errors
    /// `Data` for a larger one, and for a field of another type: a decoder reads one all the same.
    pub(super) fn int32(&mut self, kind: Kind) -> Result<i32> {
        self.expect(kind, Kind::Int)?;
        let number = self.int()?;
        let wide = || {
            Error::data(format!(
                "metadata with the number {number} for one of 32 bits"
            ))
        };
        i32::try_from(number).map_err(|_| wide())
    }

    /// # Errors
    /// `Data` for a field that has not the type that it is read as.
    pub(super) fn expect(&self, found: Kind, wanted: Kind) -> Result<()> {
        if std::mem::discriminant(&found) == std::mem::discriminant(&wanted) {
            return Ok(());
        }
        let message = format!("metadata with {found:?} in the place of {wanted:?}");
        Err(Error::data(message))
    }

    /// The number and the type of the next field of a struct; `None` at its end.
    ///
    /// # Errors
    /// `Data` for what is no field.
    pub(super) fn field(&mut self, last: &mut i64) -> Result<Option<(i64, Kind)>> {
        let head = self.byte()?;
        if head & 0x0f == 0 {
            return Ok(None);
        }
        *last = match head >> 4 {
            0 => self.int()?,
            step => last.wrapping_add(step.into()),
        };
        Ok(Some((*last, Kind::of_code(head & 0x0f)?)))
    }

    /// The number and the type of the elements of a list. There are at most as many as bytes are left.
    ///
    /// # Errors
    /// `Data` for a longer list, and for one of booleans: those take no bytes where they are passed
    /// over, so that their number says nothing.
    pub(super) fn list(&mut self) -> Result<(usize, Kind)> {
        let head = self.byte()?;
        if head == 0 {
            // So some writers leave an empty list, whatever it is of.
            return Ok((0, Kind::Struct));
        }
        let count = match head >> 4 {
            15 => self.unsigned()?,
            count => count.into(),
        };
        let kind = Kind::of_code(head & 0x0f)?;
        let left = self.left();
        match usize::try_from(count) {
            Ok(count) if count == 0 || count <= left && !matches!(kind, Kind::Bool(_)) => {
                Ok((count, kind))
            }
            _ => Err(Error::data(format!(
                "metadata with a list of {count} elements in {left} bytes"
            ))),
        }
    }

    /// Passes over the value of a field that is read as `wanted`.
    ///
    /// # Errors
    /// `Data` for a field of another type.
    pub(super) fn skip_as(&mut self, found: Kind, wanted: Kind) -> Result<()> {
        self.expect(found, wanted)?;
        self.skip(found)
    }

    /// Passes over a value.
    ///
    /// # Errors
    /// `Data` for what is none.
    pub(super) fn skip(&mut self, kind: Kind) -> Result<()> {
        self.skip_within(kind, DEPTH)
    }

    fn skip_within(&mut self, kind: Kind, depth: usize) -> Result<()> {
        let deeper = depth.checked_sub(1);
        let deeper = deeper.ok_or_else(|| Error::data("metadata that is nested too deeply"))?;
        match kind {
            Kind::Bool(_) => Ok(()),
            Kind::Byte => self.pass(1),
            Kind::Int => self.unsigned().map(drop),
            Kind::Double => self.pass(8),
            Kind::Binary => {
                let count = self.unsigned()?;
                self.pass(count)
            }
            Kind::List => {
                let (count, kind) = self.list()?;
                (0..count).try_for_each(|_| self.skip_within(kind, deeper))
            }
            Kind::Struct => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip_within(kind, deeper)?;
                }
                Ok(())
            }
        }
    }
}

fn ends() -> Error {
    Error::data("metadata that ends too early")
}
