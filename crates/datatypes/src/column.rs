//! Columns: a logical type and one of several encodings.

use std::sync::Arc;

use arrow::array::downcast_integer_array;
use arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, AsArray, GenericByteViewArray, PrimitiveArray, UInt32Array,
    new_empty_array,
};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::compute;
use arrow::datatypes::{ByteViewType, DataType, RunEndIndexType, UInt32Type};

use crate::{Error, Result, ScalarValue};

/// How the values of a [`Column`] are laid out.
#[derive(Clone, Debug)]
pub enum Encoding {
    /// A plain array: one value a row.
    Flat(ArrayRef),
    /// A code for each row and the values that the codes stand for.
    ///
    /// A row is null when its code is null or the value it stands for is. Values may repeat and
    /// need not all be used.
    Dictionary {
        /// One code a row, an index into `values`.
        codes: UInt32Array,
        /// The values, a plain array of the column's value type.
        values: ArrayRef,
    },
    /// The same value for all rows.
    Constant {
        /// The value.
        value: ScalarValue,
        /// How many rows.
        len: usize,
    },
}

/// A column of a batch: a logical type and an encoding.
///
/// Encoding is not type: the planner knows types only, and each batch may be encoded otherwise. A
/// kernel that has no fast path for an encoding calls [`Column::to_flat`] first.
///
/// ```
/// use esker_datatypes::{Column, ScalarValue};
/// let column = Column::constant(ScalarValue::from(7i64), 3);
/// assert_eq!(column.len(), 3);
/// assert_eq!(column.to_flat().len(), 3);
/// ```
#[derive(Clone, Debug)]
pub struct Column {
    /// The type that the schema declares. Arrow's dictionary and run-end types are kept here for
    /// columns that are passed through, while `encoding` never nests them.
    data_type: DataType,
    encoding: Encoding,
}

impl Column {
    /// A column of an Arrow array. Dictionary and run-end encoded arrays become
    /// [`Encoding::Dictionary`] and keep their declared type.
    ///
    /// # Errors
    /// `Unsupported` for a dictionary within a dictionary.
    pub fn from_arrow(array: &ArrayRef) -> Result<Self> {
        let data_type = array.data_type().clone();
        let encoding = match &data_type {
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_any_dictionary();
                let values = plain(dictionary.values())?;
                Encoding::Dictionary {
                    codes: codes(dictionary.keys()),
                    values,
                }
            }
            DataType::RunEndEncoded(ends, _) => match ends.data_type() {
                DataType::Int16 => runs::<arrow::datatypes::Int16Type>(array)?,
                DataType::Int32 => runs::<arrow::datatypes::Int32Type>(array)?,
                _ => runs::<arrow::datatypes::Int64Type>(array)?,
            },
            _ => Encoding::Flat(Arc::clone(array)),
        };
        Ok(Self {
            data_type,
            encoding,
        })
    }

    /// A column of a plain array (no dictionary, no run ends).
    pub fn flat(array: ArrayRef) -> Self {
        debug_assert!(!is_encoded(array.data_type()), "{}", array.data_type());
        Self {
            data_type: array.data_type().clone(),
            encoding: Encoding::Flat(array),
        }
    }

    /// A column of `len` times the same value.
    pub fn constant(value: ScalarValue, len: usize) -> Self {
        Self {
            data_type: value.data_type().clone(),
            encoding: Encoding::Constant { value, len },
        }
    }

    /// A column of codes into plain values; its type is that of the values. Every valid code must
    /// be below the number of values.
    pub fn dictionary(codes: UInt32Array, values: ArrayRef) -> Self {
        debug_assert!(!is_encoded(values.data_type()), "{}", values.data_type());
        let data_type = values.data_type().clone();
        Self {
            data_type,
            encoding: Encoding::Dictionary { codes, values },
        }
    }

    /// A column of no rows.
    pub fn empty(data_type: &DataType) -> Self {
        let array = new_empty_array(value_type(data_type));
        Self {
            data_type: data_type.clone(),
            encoding: Encoding::Flat(array),
        }
    }

    /// The logical type, as the schema declares it.
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// The type of the values: the logical type without Arrow's dictionary and run-end wrappers.
    /// This is the type that kernels dispatch on, and that of [`to_flat`](Self::to_flat).
    pub fn value_type(&self) -> &DataType {
        match &self.encoding {
            Encoding::Flat(array) => array.data_type(),
            Encoding::Dictionary { values, .. } => values.data_type(),
            Encoding::Constant { value, .. } => value.data_type(),
        }
    }

    /// The layout of the values.
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        match &self.encoding {
            Encoding::Flat(array) => array.len(),
            Encoding::Dictionary { codes, .. } => codes.len(),
            Encoding::Constant { len, .. } => *len,
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of every row, when it is the same.
    pub fn as_constant(&self) -> Option<&ScalarValue> {
        match &self.encoding {
            Encoding::Constant { value, .. } => Some(value),
            Encoding::Flat(_) | Encoding::Dictionary { .. } => None,
        }
    }

    /// The same values under a declared type whose value type they have.
    #[must_use]
    pub fn with_declared_type(mut self, data_type: &DataType) -> Self {
        debug_assert_eq!(value_type(data_type), self.value_type());
        self.data_type = data_type.clone();
        self
    }

    /// The values as a plain array of [`value_type`](Self::value_type), every row written.
    pub fn to_flat(&self) -> ArrayRef {
        match &self.encoding {
            Encoding::Flat(array) => Arc::clone(array),
            Encoding::Dictionary { codes, values } => take(values, codes),
            Encoding::Constant { value, len } => {
                take(value.as_array(), &UInt32Array::from_value(0, *len))
            }
        }
    }

    /// The values as an array of the declared [`data_type`](Self::data_type), every row written.
    ///
    /// # Errors
    /// `Unsupported` where Arrow cannot encode the declared type.
    pub fn to_arrow(&self) -> Result<ArrayRef> {
        let flat = self.to_flat();
        if flat.data_type() == &self.data_type {
            return Ok(flat);
        }
        compute::cast(&flat, &self.data_type)
            .map_err(|e| Error::unsupported(format!("delivering {}: {e}", self.data_type)))
    }

    /// Which rows are null, or `None` when none is.
    pub fn nulls(&self) -> Option<NullBuffer> {
        match &self.encoding {
            Encoding::Flat(array) => array.logical_nulls().filter(|n| n.null_count() > 0),
            Encoding::Dictionary { codes, values } => {
                let Some(value_nulls) = values.logical_nulls().filter(|n| n.null_count() > 0)
                else {
                    return codes.nulls().filter(|n| n.null_count() > 0).cloned();
                };
                let valid =
                    |code: Option<u32>| code.is_some_and(|c| value_nulls.is_valid(c as usize));
                Some(codes.iter().map(valid).collect::<Vec<bool>>().into())
            }
            Encoding::Constant { value, len } => {
                value.is_null().then(|| NullBuffer::new_null(*len))
            }
        }
    }

    /// The value at a row.
    ///
    /// # Errors
    /// `Internal` when there is no such row.
    pub fn value(&self, row: usize) -> Result<ScalarValue> {
        match &self.encoding {
            Encoding::Flat(array) => ScalarValue::from_array(array, row),
            Encoding::Constant { value, len } if row < *len => Ok(value.clone()),
            Encoding::Dictionary { codes, values } if row < codes.len() => {
                if codes.is_null(row) {
                    return Ok(ScalarValue::null(values.data_type()));
                }
                ScalarValue::from_array(values, codes.value(row) as usize)
            }
            Encoding::Constant { .. } | Encoding::Dictionary { .. } => {
                Err(Error::internal(format!("row {row} of {} rows", self.len())))
            }
        }
    }

    /// The rows from `offset`, `len` of them, without copying.
    #[must_use]
    pub fn slice(&self, offset: usize, len: usize) -> Self {
        let encoding = match &self.encoding {
            Encoding::Flat(array) => Encoding::Flat(array.slice(offset, len)),
            Encoding::Dictionary { codes, values } => Encoding::Dictionary {
                codes: codes.slice(offset, len),
                values: Arc::clone(values),
            },
            Encoding::Constant { value, .. } => Encoding::Constant {
                value: value.clone(),
                len,
            },
        };
        Self {
            data_type: self.data_type.clone(),
            encoding,
        }
    }

    /// The column in another encoding: every value in a dictionary of its own. A verification
    /// setting: it makes every operator meet dictionaries.
    #[must_use]
    pub fn dictionary_encoded(&self) -> Self {
        match &self.encoding {
            Encoding::Flat(array) => Self {
                data_type: self.data_type.clone(),
                encoding: Encoding::Dictionary {
                    codes: UInt32Array::from_iter_values(0..array.len() as u32),
                    values: Arc::clone(array),
                },
            },
            Encoding::Dictionary { .. } | Encoding::Constant { .. } => self.clone(),
        }
    }

    /// How many bytes the column's rows take in memory. Shared buffers count for each owner, but of
    /// a slice only what it shows.
    pub fn memory_size(&self) -> usize {
        match &self.encoding {
            Encoding::Flat(array) => array_size(array.as_ref()),
            Encoding::Dictionary { codes, values } => {
                array_size(codes) + array_size(values.as_ref())
            }
            Encoding::Constant { value, .. } => array_size(value.as_array().as_ref()),
        }
    }

    /// The arrays it is made of.
    pub(crate) fn into_arrays(self, mut each: impl FnMut(ArrayRef)) {
        match self.encoding {
            Encoding::Flat(array) => each(array),
            Encoding::Dictionary { codes, values } => {
                each(Arc::new(codes));
                each(values);
            }
            Encoding::Constant { .. } => {}
        }
    }
}

/// How many bytes an array's rows take in memory; of a slice only what it shows.
pub fn array_size(array: &dyn Array) -> usize {
    fn views<T: ByteViewType>(array: &GenericByteViewArray<T>) -> usize {
        // The low half of a view is the length; short texts stand in the view itself.
        let long =
            |view: &u128| Some((view & u128::from(u32::MAX)) as usize).filter(|&len| len > 12);
        let long: usize = array.views().iter().filter_map(long).sum();
        let buffers: usize = array.data_buffers().iter().map(Buffer::len).sum();
        array.len() * size_of::<u128>()
            + long.min(buffers)
            + array.nulls().map_or(0, |n| n.len() / 8)
    }
    match array.data_type() {
        DataType::Utf8View => views(array.as_string_view()),
        DataType::BinaryView => views(array.as_binary_view()),
        _ => {
            let slice = array.to_data().get_slice_memory_size();
            slice.unwrap_or_else(|_| array.get_array_memory_size())
        }
    }
}

/// A type without Arrow's dictionary and run-end wrappers.
pub fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => value_type(values),
        DataType::RunEndEncoded(_, values) => value_type(values.data_type()),
        _ => data_type,
    }
}

fn is_encoded(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Dictionary(_, _) | DataType::RunEndEncoded(_, _)
    )
}

fn plain(values: &ArrayRef) -> Result<ArrayRef> {
    if is_encoded(values.data_type()) {
        return Err(Error::unsupported(format!(
            "the nested encoding {}",
            values.data_type()
        )));
    }
    Ok(Arc::clone(values))
}

/// Dictionary keys of any width as codes. Null keys keep their null.
fn codes(keys: &dyn Array) -> UInt32Array {
    fn convert<T>(keys: &PrimitiveArray<T>) -> UInt32Array
    where
        T: arrow::datatypes::ArrowPrimitiveType,
        T::Native: ArrowNativeTypeOp,
    {
        use arrow::datatypes::ArrowNativeType;
        // Null slots may hold anything; `as_usize` truncates them, and nobody reads them.
        keys.unary::<_, UInt32Type>(|key| key.as_usize() as u32)
    }
    downcast_integer_array! {
        keys => convert(keys),
        _ => UInt32Array::from(Vec::<u32>::new())
    }
}

/// Run ends as codes: the number of the run, for each row.
fn runs<T: RunEndIndexType>(array: &ArrayRef) -> Result<Encoding> {
    let Some(run) = array.as_run_opt::<T>() else {
        return Err(Error::internal(format!(
            "{} is no run array",
            array.data_type()
        )));
    };
    let codes = (0..run.len()).map(|row| run.get_physical_index(row) as u32);
    let codes = UInt32Array::from_iter_values(codes);
    Ok(Encoding::Dictionary {
        codes,
        values: plain(run.values())?,
    })
}

/// `take` whose indices are in range by construction.
fn take(values: &ArrayRef, codes: &UInt32Array) -> ArrayRef {
    match compute::take(values.as_ref(), codes, None) {
        Ok(array) => array,
        // Unreachable for the types Arrow has today; an all-null column is the only honest answer
        // that is no panic.
        Err(_) => arrow::array::new_null_array(values.data_type(), codes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{DictionaryArray, Int64Array, RunArray, StringArray};
    use arrow::datatypes::{Int8Type, Int32Type};

    fn texts(array: &ArrayRef) -> Vec<Option<String>> {
        array
            .as_string::<i32>()
            .iter()
            .map(|v| v.map(str::to_owned))
            .collect()
    }

    #[test]
    fn foreign_encodings_pass_through_unchanged() {
        let keys = PrimitiveArray::<Int8Type>::from(vec![Some(1), None, Some(0), Some(2)]);
        let values = StringArray::from(vec![Some("a"), Some("b"), None]);
        let dictionary: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::new(values)));
        let ends = PrimitiveArray::<Int32Type>::from(vec![2, 3]);
        let run: ArrayRef =
            Arc::new(RunArray::try_new(&ends, &StringArray::from(vec![Some("x"), None])).unwrap());
        let check = |array: &ArrayRef, want: &[Option<&str>]| {
            let column = Column::from_arrow(array).unwrap();
            assert_eq!(column.value_type(), &DataType::Utf8);
            assert_eq!(column.data_type(), array.data_type());
            let want: Vec<Option<String>> = want.iter().map(|v| v.map(str::to_owned)).collect();
            assert_eq!(texts(&column.to_flat()), want);
            let back = column.to_arrow().unwrap();
            assert_eq!(back.data_type(), array.data_type());
            let again = Column::from_arrow(&back).unwrap();
            assert_eq!(texts(&again.to_flat()), want);
            for (row, want) in want.iter().enumerate() {
                assert_eq!(column.value(row).unwrap().as_str(), want.as_deref());
                let null = column.nulls().is_some_and(|n| n.is_null(row));
                assert_eq!(null, want.is_none());
            }
        };
        check(&dictionary, &[Some("b"), None, Some("a"), None]);
        check(&dictionary.slice(1, 2), &[None, Some("a")]);
        check(&run, &[Some("x"), Some("x"), None]);
        check(&run.slice(1, 2), &[Some("x"), None]);
    }

    #[test]
    fn slices_and_constants() {
        let constant = Column::constant(ScalarValue::from(None::<i64>), 4);
        assert_eq!(constant.nulls().unwrap().null_count(), 4);
        assert_eq!(constant.slice(1, 2).to_flat().len(), 2);
        assert!(constant.value(4).is_err());
        let flat = Column::flat(Arc::new(Int64Array::from(vec![1, 2, 3])));
        assert_eq!(flat.slice(1, 2).value(0).unwrap().as_i128(), Some(2));
        assert_eq!(
            flat.dictionary_encoded().value(2).unwrap().as_i128(),
            Some(3)
        );
        assert!(flat.nulls().is_none());
    }
}
