//! Tables of values, as Arrow batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeStringArray, RecordBatch,
    RecordBatchOptions, StringArray, StringViewArray, TimestampMicrosecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};

use super::relation::{Column, Relation, Row};
use super::types::Type;
use super::value::Value;

/// How text lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Utf8,
    LargeUtf8,
    Utf8View,
    Dictionary,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct TableColumn {
    pub(crate) name: String,
    pub(crate) data_type: Type,
    /// Of text.
    pub(crate) layout: Layout,
    /// Whether the schema says that there may be nulls.
    pub(crate) nullable: bool,
}

/// Batches of rows.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<TableColumn>,
    pub(crate) batches: Vec<Vec<Vec<Value>>>,
}

impl TableColumn {
    /// A column that may hold nulls.
    pub(crate) fn new(name: &str, data_type: Type) -> Self {
        Self {
            name: name.to_owned(),
            data_type,
            layout: Layout::Utf8View,
            nullable: true,
        }
    }

    /// The declared type.
    pub(crate) fn arrow_type(&self) -> DataType {
        match (self.data_type, self.layout) {
            (Type::Text, Layout::Utf8) => DataType::Utf8,
            (Type::Text, Layout::LargeUtf8) => DataType::LargeUtf8,
            (Type::Text, Layout::Dictionary) => {
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
            }
            (other, _) => other.to_arrow(),
        }
    }
}

impl Table {
    /// A table of columns, all of the same length, cut into batches of so many rows.
    pub(crate) fn of_columns(
        name: &str,
        columns: Vec<(TableColumn, Vec<Value>)>,
        batch_rows: usize,
    ) -> Self {
        let rows = columns.first().map_or(0, |(_, values)| values.len());
        let row = |at: usize| {
            columns
                .iter()
                .map(|(_, values)| values[at].clone())
                .collect()
        };
        let rows: Vec<Vec<Value>> = (0..rows).map(row).collect();
        Self {
            name: name.to_owned(),
            batches: rows.chunks(batch_rows.max(1)).map(<[_]>::to_vec).collect(),
            columns: columns.into_iter().map(|(column, _)| column).collect(),
        }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Vec<Value>> {
        self.batches.iter().flatten()
    }

    /// The rows in their order.
    pub(crate) fn to_relation(&self) -> Relation {
        let column = |column: &TableColumn| Column {
            name: column.name.clone(),
            data_type: column.data_type,
            approximate: false,
        };
        let row = |(rank, values): (usize, &Vec<Value>)| Row {
            rank,
            values: values.clone(),
        };
        Relation {
            columns: self.columns.iter().map(column).collect(),
            rows: self.rows().enumerate().map(row).collect(),
        }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        let field = |c: &TableColumn| Field::new(&c.name, c.arrow_type(), c.nullable);
        Arc::new(Schema::new(
            self.columns.iter().map(field).collect::<Vec<_>>(),
        ))
    }

    /// The batches as Arrow has them.
    pub(crate) fn to_batches(&self) -> Vec<RecordBatch> {
        let schema = self.schema();
        let batch = |rows: &Vec<Vec<Value>>| {
            let columns = self.columns.iter().enumerate().map(|(at, column)| {
                let values = rows.iter().map(|row| row[at].clone());
                array(column, &values.collect::<Vec<_>>())
            });
            let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
            let columns = columns.collect();
            RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options).unwrap()
        };
        self.batches.iter().map(batch).collect()
    }
}

/// Texts as keys and values of a dictionary, no better than it must be: some values are there
/// twice, one is never used, and one is null.
pub(crate) fn dictionary(texts: &[Value]) -> (Vec<Option<i32>>, Vec<Option<&str>>) {
    let mut values = vec![Some("unused"), None];
    let keys = texts.iter().enumerate().map(|(row, text)| match text {
        Value::Text(text) => {
            let text = Some(&**text);
            let known = match row % 3 {
                0 => values.iter().skip(2).position(|&value| value == text),
                _ => values.iter().skip(2).rposition(|&value| value == text),
            };
            let twice = values.iter().filter(|&&value| value == text).count() > 1;
            match known {
                Some(at) if twice || row % 3 == 0 => Some(at as i32 + 2),
                _ => {
                    values.push(text);
                    Some(values.len() as i32 - 1)
                }
            }
        }
        _ => (row % 2 == 0).then_some(1),
    });
    (keys.collect(), values)
}

/// Values as an array of a column's type.
pub(super) fn array(column: &TableColumn, values: &[Value]) -> ArrayRef {
    macro_rules! ints {
        ($array:ty, $native:ty) => {{
            let values = values.iter().map(|value| match value {
                Value::Int(int) => Some(<$native>::try_from(*int).unwrap()),
                _ => None,
            });
            Arc::new(values.collect::<$array>())
        }};
    }
    let floats = || {
        values.iter().map(|value| match value {
            Value::Float(float) => Some(*float),
            _ => None,
        })
    };
    let texts = || {
        values.iter().map(|value| match value {
            Value::Text(text) => Some(&**text),
            _ => None,
        })
    };
    match column.data_type {
        Type::Int { bits, signed } => match (bits, signed) {
            (8, true) => ints!(Int8Array, i8),
            (16, true) => ints!(Int16Array, i16),
            (32, true) => ints!(Int32Array, i32),
            (_, true) => ints!(Int64Array, i64),
            (8, false) => ints!(UInt8Array, u8),
            (16, false) => ints!(UInt16Array, u16),
            (32, false) => ints!(UInt32Array, u32),
            (_, false) => ints!(UInt64Array, u64),
        },
        Type::Float32 => {
            let floats = floats().map(|float| float.map(|float| float as f32));
            Arc::new(floats.collect::<Float32Array>())
        }
        Type::Float64 => Arc::new(floats().collect::<Float64Array>()),
        Type::Decimal(precision, scale) => {
            let digits = values.iter().map(|value| match value {
                Value::Decimal(decimal) => decimal.at_scale(scale.into()),
                _ => None,
            });
            let array = digits.collect::<Decimal128Array>();
            Arc::new(
                array
                    .with_precision_and_scale(precision, scale as i8)
                    .unwrap(),
            )
        }
        Type::Bool => {
            let flags = values.iter().map(|value| match value {
                Value::Bool(flag) => Some(*flag),
                _ => None,
            });
            Arc::new(flags.collect::<BooleanArray>())
        }
        Type::Date => {
            let days = values.iter().map(|value| match value {
                Value::Date(days) => Some(*days),
                _ => None,
            });
            Arc::new(days.collect::<Date32Array>())
        }
        Type::Instant => {
            let micros = values.iter().map(|value| match value {
                Value::Instant(micros) => Some(*micros),
                _ => None,
            });
            Arc::new(micros.collect::<TimestampMicrosecondArray>())
        }
        Type::Text => match column.layout {
            Layout::Utf8 => Arc::new(texts().collect::<StringArray>()),
            Layout::LargeUtf8 => Arc::new(texts().collect::<LargeStringArray>()),
            Layout::Utf8View => Arc::new(texts().collect::<StringViewArray>()),
            Layout::Dictionary => {
                let (keys, values) = dictionary(values);
                let values: StringArray = values.into_iter().collect();
                let keys: Int32Array = keys.into_iter().collect();
                Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(values)))
            }
        },
    }
}
