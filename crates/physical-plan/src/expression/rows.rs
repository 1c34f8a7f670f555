//! The selection that a running program narrows and widens.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder};
use arrow::buffer::BooleanBuffer;
use esker_datatypes::{Column, DataType, Error, Result, Selection};

/// What stops a chain of terms for a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logic {
    /// A term that is false.
    And,
    /// A term that is true.
    Or,
}

/// From this depth on, long lists of rows are kept as bitmaps: a few kilobytes a level, however
/// deep conditions are nested.
const SHALLOW: usize = 32;
/// Cheap work goes on over all rows while more than this share of them is undecided.
const MOST: usize = 8;

/// The rows that count now, and those to which a program will return.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    len: usize,
    current: Shared<'a>,
    saved: Vec<Saved<'a>>,
    /// The bitmap last made or read, and the list it stands for: levels that change nothing share
    /// one.
    bitmap: Option<(Shared<'a>, BooleanBuffer)>,
}

/// A selection that is not copied until it changes: the caller's own, or one made here.
type Shared<'a> = Arc<Cow<'a, Selection>>;

/// A selection put aside.
#[derive(Debug)]
enum Saved<'a> {
    List(Shared<'a>),
    Bits(BooleanBuffer),
}

impl<'a> Rows<'a> {
    /// The rows of the caller, not copied.
    pub(super) fn borrowed(selection: &'a Selection) -> Self {
        Self::new(Cow::Borrowed(selection))
    }

    /// Rows to be narrowed in place.
    pub(super) fn owned(selection: Selection) -> Self {
        Self::new(Cow::Owned(selection))
    }

    fn new(selection: Cow<'a, Selection>) -> Self {
        let (len, current) = (selection.len(), Arc::new(selection));
        Self {
            len,
            current,
            saved: Vec::new(),
            bitmap: None,
        }
    }

    /// How many rows the batch has, selected or not.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The rows that count now.
    pub(super) fn current(&self) -> &Selection {
        &self.current
    }

    /// The rows that count now, to narrow them.
    pub(super) fn current_mut(&mut self) -> &mut Selection {
        Arc::make_mut(&mut self.current).to_mut()
    }

    /// The rows that count at the end.
    pub(super) fn into_current(self) -> Selection {
        into_selection(self.current)
    }

    /// Puts the rows that count now aside, to return to them.
    pub(super) fn save(&mut self) {
        let current = self.current.clone();
        self.put_aside(current);
    }

    /// Returns to the rows put aside last.
    pub(super) fn restore(&mut self) -> Result<()> {
        let saved = self
            .saved
            .pop()
            .ok_or_else(|| Error::internal("no selection was saved"))?;
        self.current = self.unpack(saved);
        Ok(())
    }

    /// Returns to the rows put aside at this height and gives those put aside above it.
    pub(super) fn take_from(&mut self, height: usize) -> Vec<Selection> {
        let above = self.saved.split_off(height.min(self.saved.len()));
        above
            .into_iter()
            .map(|saved| into_selection(self.unpack(saved)))
            .collect()
    }

    /// Drops the rows that a chain of terms has decided. Says whether any are left; if none is,
    /// the rows that count now are no longer of any use.
    pub(super) fn narrow(&mut self, logic: Logic, so_far: &Column, lazy: bool) -> Result<bool> {
        if let Some(value) = so_far.as_constant() {
            let decides = match logic {
                Logic::And => Some(false),
                Logic::Or => Some(true),
            };
            return Ok(value.as_bool() != decides && !self.current().is_none());
        }
        let array = boolean(so_far)?;
        let mask: &BooleanArray = array.as_boolean();
        let undecided = match (logic, mask.nulls()) {
            (Logic::And, None) => mask.values().clone(),
            (Logic::And, Some(nulls)) => mask.values() | &!nulls.inner(),
            (Logic::Or, None) => !mask.values(),
            (Logic::Or, Some(nulls)) => !&(mask.values() & nulls.inner()),
        };
        let current = self.current();
        let count = current.count();
        if current.is_all() {
            let left = undecided.count_set_bits();
            if left == count || (lazy && left > count / MOST) {
                return Ok(left > 0);
            }
            self.set(listed(self.len, &undecided, left));
            return Ok(left > 0);
        }
        let kept: Vec<u32> = row_list(current)
            .iter()
            .copied()
            .filter(|&r| undecided.value(r as usize))
            .collect();
        let left = kept.len();
        if left < count {
            self.set(Selection::from_rows(self.len, kept));
        }
        Ok(left > 0)
    }

    /// Keeps the rows where a predicate is TRUE.
    pub(super) fn keep(&mut self, predicate: &Column) -> Result<()> {
        match predicate.as_constant() {
            Some(value) if value.as_bool() == Some(true) => {}
            Some(_) => *self.current_mut() = Selection::none(self.len),
            None => {
                let array = boolean(predicate)?;
                self.current_mut().retain_true(array.as_boolean());
            }
        }
        Ok(())
    }

    /// Splits the rows that count by a condition: those where it is not TRUE are put aside on top
    /// of those where it is, which also become the current ones. Says whether there are any.
    pub(super) fn split(&mut self, condition: &Column) -> Result<bool> {
        let none = |len| owned(Selection::none(len));
        let current = self.current.clone();
        let (taken, rest) = match condition.as_constant() {
            Some(value) if value.as_bool() == Some(true) => (current, none(self.len)),
            Some(_) => (none(self.len), current),
            None => {
                let array = boolean(condition)?;
                let mask: &BooleanArray = array.as_boolean();
                let truth = match mask.nulls() {
                    None => mask.values().clone(),
                    Some(nulls) => mask.values() & nulls.inner(),
                };
                let (taken, rest) = partition(&current, &truth);
                if rest.is_none() {
                    (current, none(self.len))
                } else if taken.is_none() {
                    (none(self.len), current)
                } else {
                    (owned(taken), owned(rest))
                }
            }
        };
        self.current = taken.clone();
        self.put_aside(taken);
        self.put_aside(rest);
        Ok(!self.current().is_none())
    }

    fn set(&mut self, selection: Selection) {
        self.current = owned(selection);
    }

    fn put_aside(&mut self, list: Shared<'a>) {
        if self.saved.len() < SHALLOW || !wasteful(&list) {
            self.saved.push(Saved::List(list));
            return;
        }
        let bits = match &self.bitmap {
            Some((of, bits)) if Arc::ptr_eq(of, &list) => bits.clone(),
            _ => {
                let bits = bits_of(&list);
                self.bitmap = Some((list, bits.clone()));
                bits
            }
        };
        self.saved.push(Saved::Bits(bits));
    }

    fn unpack(&mut self, saved: Saved<'a>) -> Shared<'a> {
        match saved {
            Saved::List(list) => list,
            Saved::Bits(bits) => {
                let list = owned(listed(self.len, &bits, bits.count_set_bits()));
                self.bitmap = Some((Arc::clone(&list), bits));
                list
            }
        }
    }
}

fn owned<'a>(selection: Selection) -> Shared<'a> {
    Arc::new(Cow::Owned(selection))
}

fn into_selection(list: Shared<'_>) -> Selection {
    Arc::unwrap_or_clone(list).into_owned()
}

/// Whether a bitmap takes less memory than the list.
fn wasteful(selection: &Selection) -> bool {
    selection
        .rows()
        .is_some_and(|rows| rows.len() > selection.len() / 32)
}

fn bits_of(selection: &Selection) -> BooleanBuffer {
    let mut bits = BooleanBufferBuilder::new(selection.len());
    bits.append_n(selection.len(), false);
    selection.iter().for_each(|row| bits.set_bit(row, true));
    bits.finish()
}

/// The rows whose bit is set, of which there are `count`.
fn listed(len: usize, bits: &BooleanBuffer, count: usize) -> Selection {
    let mut rows = Vec::with_capacity(count);
    rows.extend(bits.set_indices_u32());
    Selection::from_rows(len, rows)
}

/// The list of rows of a selection that is not of all rows.
fn row_list(selection: &Selection) -> &[u32] {
    selection.rows().unwrap_or_default()
}

/// The rows of a selection whose bit is set, and the others.
fn partition(selection: &Selection, bits: &BooleanBuffer) -> (Selection, Selection) {
    let len = selection.len();
    if selection.is_all() {
        let count = bits.count_set_bits();
        return (listed(len, bits, count), listed(len, &!bits, len - count));
    }
    let (taken, rest) = row_list(selection)
        .iter()
        .copied()
        .partition(|&row| bits.value(row as usize));
    (
        Selection::from_rows(len, taken),
        Selection::from_rows(len, rest),
    )
}

/// A truth column as a plain array.
fn boolean(column: &Column) -> Result<ArrayRef> {
    let array = column.to_flat();
    match array.data_type() {
        DataType::Boolean => Ok(array),
        other => Err(Error::internal(format!("a condition of type {other}"))),
    }
}
