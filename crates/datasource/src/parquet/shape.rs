//! The shape of footers, looked at before a decoder walks them.
//!
//! A decoder walks the tree of columns recursively, counts through lists of what takes no bytes, and
//! takes the type of a column chunk from the schema, whatever the chunk says.

use esker_datatypes::{Error, Result};

use super::thrift::{Kind, Thrift};

/// Columns nested more deeply than this are refused: whoever looks at a schema does so recursively.
const DEEPEST: usize = 100;

/// What a footer turned out to be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checked {
    /// The first column chunk, by row group and leaf, that says that it has not the type that the
    /// schema says.
    pub(super) other_type: Option<(usize, usize)>,
}

/// Walks the bytes of a footer.
///
/// # Errors
/// `Data` for what is none, and for lists of more elements than there are bytes; `Unsupported` for
/// columns that are nested too deeply.
pub(super) fn check(bytes: &[u8]) -> Result<Checked> {
    let (mut bytes, mut last) = (Thrift(bytes), 0);
    let (mut checked, mut types) = (Checked::default(), Vec::new());
    while let Some((field, kind)) = bytes.field(&mut last)? {
        match field {
            1 => bytes.int32(kind).map(drop)?,
            2 => types = schema(&mut bytes, kind)?,
            3 => bytes.skip_as(kind, Kind::Int)?,
            4 => row_groups(&mut bytes, kind, &types, &mut checked)?,
            5 | 7 => bytes.skip_as(kind, Kind::List)?,
            6 => bytes.skip_as(kind, Kind::Binary)?,
            _ => bytes.skip(kind)?,
        }
    }
    Ok(checked)
}

/// The types of the leaves of a schema, which is a list, in which each element says how many of those
/// behind it are its own.
fn schema(bytes: &mut Thrift<'_>, kind: Kind) -> Result<Vec<i32>> {
    bytes.expect(kind, Kind::List)?;
    let (count, kind) = bytes.list()?;
    let mut types = Vec::new();
    // How many elements are still to come on each level.
    let mut open: Vec<i32> = Vec::new();
    for _ in 0..count {
        bytes.expect(kind, Kind::Struct)?;
        let (mut children, mut stored, mut last) = (0, None, 0);
        while let Some((field, kind)) = bytes.field(&mut last)? {
            match field {
                1 => stored = Some(bytes.int32(kind)?),
                5 => children = bytes.int32(kind)?,
                2 | 3 | 6..=9 => bytes.int32(kind).map(drop)?,
                4 => bytes.skip_as(kind, Kind::Binary)?,
                _ => bytes.skip(kind)?,
            }
        }
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        if children > 0 {
            open.push(children);
        } else {
            types.extend(stored);
        }
        while open.last() == Some(&0) {
            open.pop();
        }
        if open.len() > DEEPEST {
            let message = format!("columns nested in each other more than {DEEPEST} times");
            return Err(Error::unsupported(message));
        }
    }
    Ok(types)
}

/// Holds the types of column chunks against those of the leaves.
fn row_groups(
    bytes: &mut Thrift<'_>,
    kind: Kind,
    types: &[i32],
    checked: &mut Checked,
) -> Result<()> {
    bytes.expect(kind, Kind::List)?;
    let (groups, kind) = bytes.list()?;
    for group in 0..groups {
        bytes.expect(kind, Kind::Struct)?;
        let mut last = 0;
        while let Some((field, kind)) = bytes.field(&mut last)? {
            if field != 1 {
                bytes.skip(kind)?;
                continue;
            }
            bytes.expect(kind, Kind::List)?;
            let (chunks, kind) = bytes.list()?;
            for leaf in 0..chunks {
                let said = chunk(bytes, kind)?;
                let wanted = types.get(leaf);
                if checked.other_type.is_none() && said.is_some() && said.as_ref() != wanted {
                    checked.other_type = Some((group, leaf));
                }
            }
        }
    }
    Ok(())
}

/// The type that a column chunk says it has.
fn chunk(bytes: &mut Thrift<'_>, kind: Kind) -> Result<Option<i32>> {
    bytes.expect(kind, Kind::Struct)?;
    let (mut said, mut last) = (None, 0);
    while let Some((field, kind)) = bytes.field(&mut last)? {
        if field != 3 {
            bytes.skip(kind)?;
            continue;
        }
        bytes.expect(kind, Kind::Struct)?;
        let mut last = 0;
        while let Some((field, kind)) = bytes.field(&mut last)? {
            match field {
                1 => said = Some(bytes.int32(kind)?),
                _ => bytes.skip(kind)?,
            }
        }
    }
    Ok(said)
}
