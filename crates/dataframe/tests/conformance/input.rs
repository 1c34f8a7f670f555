//! Tables of the cases as Arrow batches and CSV files.

use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringViewArray, Time64MicrosecondArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Field, Schema};
use esker_dataframe::prelude::*;
use esker_logical_plan::MemTable;
use serde_json::Value as Json;
use tempfile::TempPath;

use crate::case::Case;
use crate::settings::Setting;
use crate::value::{days, float, micros, time};

/// A table that any setting can open.
pub(crate) struct Input {
    name: String,
    data: Data,
}

enum Data {
    Batch(RecordBatch),
    Csv(TempPath, CsvOptions),
}

impl Input {
    /// The tables of a case, in its order.
    pub(crate) fn prepare_all(case: &Case) -> Result<Vec<Self>, String> {
        let tables = case.tables.iter();
        tables
            .map(|(name, table)| Self::prepare(name, table))
            .collect()
    }

    fn prepare(name: &str, table: &Json) -> Result<Self, String> {
        let data = match table["csv"].as_str() {
            Some(text) => Data::Csv(csv_file(text)?, csv_options(&table["options"])?),
            None => Data::Batch(batch(table)?),
        };
        Ok(Self {
            name: name.to_owned(),
            data,
        })
    }

    /// The name by which the pipeline calls it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A frame of it.
    pub(crate) fn open(&self, setting: &Setting) -> Result<DataFrame> {
        match &self.data {
            Data::Batch(batch) => {
                let table = MemTable::try_new(vec![batch.clone()])?;
                let table = table.with_split_rows(setting.batch_size);
                Ok(setting.context.from_source(&self.name, Arc::new(table)))
            }
            Data::Csv(path, options) => setting.context.csv_with(path, options.clone()),
        }
    }
}

/// A value as a literal; its JSON says the type.
pub(crate) fn scalar(json: &Json) -> Result<ScalarValue, String> {
    let array = array(&natural_type(json)?, &[json])?;
    ScalarValue::from_array(array.as_ref(), 0).map_err(|error| error.to_string())
}

fn csv_file(text: &str) -> Result<TempPath, String> {
    let file = tempfile::Builder::new().suffix(".csv").tempfile();
    let file = file.and_then(|mut file| file.write_all(text.as_bytes()).map(|()| file));
    Ok(file.map_err(|error| error.to_string())?.into_temp_path())
}

fn csv_options(json: &Json) -> Result<CsvOptions, String> {
    let mut options = CsvOptions::default();
    for (name, value) in json.as_object().into_iter().flatten() {
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        let with = match (name.as_str(), value) {
            ("has_header", Json::Bool(has_header)) => Some(options.with_has_header(*has_header)),
            ("skip_rows", _) => count.map(|rows| options.with_skip_rows(rows)),
            ("schema_sample_size", _) => count.map(|rows| options.with_infer_rows(rows)),
            ("delimiter", Json::String(text)) => match text.as_bytes() {
                [delimiter] => Some(options.with_delimiter(*delimiter)),
                _ => None,
            },
            _ => None,
        };
        options = with.ok_or_else(|| format!("there is no CSV option {name}: {value}"))?;
    }
    Ok(options)
}

/// The batch of `{columns: [[name, type]], rows: [[..]]}`.
fn batch(table: &Json) -> Result<RecordBatch, String> {
    let columns = table["columns"]
        .as_array()
        .ok_or("a table has no columns")?;
    let rows = table["rows"].as_array().ok_or("a table has no rows")?;
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let name = column[0].as_str().ok_or("a column has no name")?;
        let values: Vec<&Json> = rows.iter().map(|row| &row[at]).collect();
        let data_type = match column[1].as_str() {
            Some("int") => DataType::Int64,
            Some("float") => DataType::Float64,
            Some("str") => DataType::Utf8View,
            Some("bool") => DataType::Boolean,
            Some("datetime") => DataType::Timestamp(TimeUnit::Microsecond, None),
            Some("date") => DataType::Date32,
            Some("list") => list_type(&values)?,
            _ => return Err(format!("there is no type {}", column[1])),
        };
        arrays.push(array(&data_type, &values)?);
        fields.push(Field::new(name, data_type, true));
    }
    let schema = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, arrays).map_err(|error| error.to_string())
}

/// The type that a value alone shows.
fn natural_type(json: &Json) -> Result<DataType, String> {
    Ok(match json {
        Json::Null => DataType::Null,
        Json::Bool(_) => DataType::Boolean,
        Json::Number(number) if number.is_f64() => DataType::Float64,
        Json::Number(_) => DataType::Int64,
        Json::String(_) => DataType::Utf8View,
        Json::Array(_) => list_type(&[json])?,
        Json::Object(_) if float(json).is_some() => DataType::Float64,
        Json::Object(_) if days(json).is_some() => DataType::Date32,
        Json::Object(_) if time(json).is_some() => DataType::Time64(TimeUnit::Microsecond),
        Json::Object(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
    })
}

/// Lists of the first type that an item of them shows; of `Int64` when none does.
fn list_type(lists: &[&Json]) -> Result<DataType, String> {
    let mut items = lists.iter().filter_map(|list| list.as_array()).flatten();
    let item = items.find(|item| !item.is_null());
    let item = item.map_or(Ok(DataType::Int64), natural_type)?;
    Ok(DataType::List(Arc::new(Field::new_list_field(item, true))))
}

/// The values as an array of a type.
fn array(data_type: &DataType, values: &[&Json]) -> Result<ArrayRef, String> {
    /// Each value read, null for null.
    fn read<'a, T, A: FromIterator<Option<T>>>(
        values: &[&'a Json],
        read: impl Fn(&'a Json) -> Option<T>,
    ) -> Result<A, String> {
        let value = |json: &&'a Json| match (*json, read(json)) {
            (Json::Null, _) => Ok(None),
            (_, Some(value)) => Ok(Some(value)),
            (json, None) => Err(format!("{json} is not of its column's type")),
        };
        values.iter().map(value).collect()
    }

    Ok(match data_type {
        DataType::Null => new_null_array(data_type, values.len()),
        DataType::Boolean => Arc::new(read::<_, BooleanArray>(values, Json::as_bool)?),
        DataType::Int64 => Arc::new(read::<_, Int64Array>(values, Json::as_i64)?),
        DataType::Float64 => Arc::new(read::<_, Float64Array>(values, float)?),
        DataType::Utf8View => Arc::new(read::<_, StringViewArray>(values, Json::as_str)?),
        DataType::Date32 => Arc::new(read::<_, Date32Array>(values, days)?),
        DataType::Time64(_) => Arc::new(read::<_, Time64MicrosecondArray>(values, time)?),
        DataType::Timestamp(..) => Arc::new(read::<_, TimestampMicrosecondArray>(values, micros)?),
        DataType::List(field) => {
            let lists: Vec<Option<&Vec<Json>>> = read(values, Json::as_array)?;
            let lengths = lists.iter().map(|list| list.map_or(0, Vec::len));
            let offsets = OffsetBuffer::from_lengths(lengths);
            let nulls = NullBuffer::from_iter(lists.iter().map(Option::is_some));
            let items: Vec<&Json> = lists.into_iter().flatten().flatten().collect();
            let items = array(field.data_type(), &items)?;
            let lists = ListArray::try_new(Arc::clone(field), offsets, items, Some(nulls));
            Arc::new(lists.map_err(|error| error.to_string())?)
        }
        other => return Err(format!("no table has a column of {other}")),
    })
}
