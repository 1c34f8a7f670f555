//! A case as a program that reproduces it.

/// Expressions, values and types.
mod source;

use std::fmt::Write as _;
use std::rc::Rc;

use crate::oracle::{
    Expr, Grouping, Join, JoinKind, Layout, Plan, Setting, SortKey, Table, TableColumn, Type,
    Value, dictionary,
};
use crate::plans::Case;
use source::{arrow_type, expr, list, native};

/// The program.
pub(crate) fn program(case: &Case, setting: Setting) -> String {
    let mut out = String::from(
        "use std::sync::Arc;\n\
         use arrow::array::*;\n\
         use arrow::datatypes::{Field, Int32Type, Schema};\n\
         use esker_dataframe::prelude::*;\n\
         use esker_logical_plan::MemTable;\n\n\
         fn main() -> Result<()> {\n",
    );
    line(&mut out, &format!("let ctx = {setting};"));
    for (at, table) in case.tables.iter().enumerate() {
        if case
            .plan
            .any(&|plan| matches!(plan, Plan::Scan(own) if *own == at))
        {
            write_table(&mut out, table, at, setting.batch_size);
        }
    }
    let mut written = Vec::new();
    let last = write_plan(&mut out, &case.plan, &mut written);
    line(&mut out, &format!("println!(\"{{}}\", {last}.explain()?);"));
    line(&mut out, &format!("println!(\"{{}}\", {last}.collect()?);"));
    out.push_str("    Ok(())\n}\n");
    out
}

fn line(out: &mut String, text: &str) {
    for part in text.lines() {
        let _ = writeln!(out, "    {part}");
    }
}

fn write_table(out: &mut String, table: &Table, at: usize, split_rows: usize) {
    let fields = table.columns.iter().map(|column| {
        format!(
            "    Field::new({:?}, {}, {}),\n",
            column.name,
            arrow_type(&column.arrow_type()),
            column.nullable
        )
    });
    let fields = fields.collect::<String>();
    line(
        out,
        &format!("let schema = Arc::new(Schema::new(vec![\n{fields}]));"),
    );
    line(out, "let batches = vec![");
    for batch in &table.batches {
        line(out, "    RecordBatch::try_new(Arc::clone(&schema), vec![");
        for (position, column) in table.columns.iter().enumerate() {
            let values: Vec<&Value> = batch.iter().map(|row| &row[position]).collect();
            line(
                out,
                &format!("        Arc::new({}),", array(column, &values)),
            );
        }
        line(out, "    ]).unwrap(),");
    }
    line(out, "];");
    line(
        out,
        &format!(
            "let table = MemTable::with_schema(schema, batches)?.with_split_rows({split_rows});\n\
             let t{at} = ctx.from_source({:?}, Arc::new(table));",
            table.name
        ),
    );
}

fn array(column: &TableColumn, values: &[&Value]) -> String {
    let cells = values.iter().map(|value| match value {
        Value::Null => "None".to_owned(),
        Value::Decimal(decimal) => {
            let scale = match column.data_type {
                Type::Decimal(_, scale) => scale,
                _ => 0,
            };
            format!("Some({})", decimal.at_scale(scale.into()).unwrap_or(0))
        }
        value => format!("Some({})", native(value, column.data_type)),
    });
    let cells = cells.collect::<Vec<_>>().join(", ");
    if (column.data_type, column.layout) == (Type::Text, Layout::Dictionary) {
        let texts: Vec<Value> = values.iter().map(|&value| value.clone()).collect();
        let (keys, values) = dictionary(&texts);
        return format!(
            "DictionaryArray::<Int32Type>::new(Int32Array::from(vec!{keys:?}), \
             Arc::new(StringArray::from(vec!{values:?})))"
        );
    }
    let plain = |array: &str, native: &str| {
        format!("{array}::from(vec![{cells}] as Vec<Option<{native}>>)")
    };
    match column.data_type {
        Type::Bool => plain("BooleanArray", "bool"),
        Type::Int { bits, signed: true } => plain(&format!("Int{bits}Array"), &format!("i{bits}")),
        Type::Int { bits, .. } => plain(&format!("UInt{bits}Array"), &format!("u{bits}")),
        Type::Float32 => plain("Float32Array", "f32"),
        Type::Float64 => plain("Float64Array", "f64"),
        Type::Decimal(precision, scale) => {
            let digits = plain("Decimal128Array", "i128");
            format!("{digits}.with_precision_and_scale({precision}, {scale}).unwrap()")
        }
        Type::Date => plain("Date32Array", "i32"),
        Type::Instant => plain("TimestampMicrosecondArray", "i64"),
        Type::Text => match column.layout {
            Layout::Utf8 => plain("StringArray", "&str"),
            Layout::LargeUtf8 => plain("LargeStringArray", "&str"),
            Layout::Utf8View | Layout::Dictionary => plain("StringViewArray", "&str"),
        },
    }
}

/// Writes the steps of a plan; the name of its frame.
fn write_plan(out: &mut String, plan: &Rc<Plan>, written: &mut Vec<Rc<Plan>>) -> String {
    if let Plan::Scan(at) = &**plan {
        return format!("t{at}");
    }
    if let Some(at) = written.iter().position(|other| Rc::ptr_eq(other, plan)) {
        return format!("p{at}");
    }
    let inputs = plan.inputs().into_iter();
    let inputs: Vec<String> = inputs
        .map(|input| write_plan(out, input, written))
        .collect();
    let (input, other) = (inputs.first(), inputs.get(1));
    let (input, other) = (
        input.map_or("", String::as_str),
        other.map_or("", String::as_str),
    );
    let call = call(plan, other);
    line(out, &format!("let p{} = {input}{call};", written.len()));
    written.push(Rc::clone(plan));
    format!("p{}", written.len() - 1)
}

fn call(plan: &Plan, other: &str) -> String {
    match plan {
        Plan::Scan(_) => String::new(),
        Plan::Filter(_, predicate) => format!(".filter({})", expr(predicate)),
        Plan::Select(_, exprs) => format!(".select({})", named(exprs)),
        Plan::WithColumn(_, name, new) => format!(".with_column({name:?}, {})", expr(new)),
        Plan::Slice(_, 0, Some(rows)) => format!(".limit({rows})"),
        Plan::Slice(_, offset, rows) => format!(".slice({offset}, {rows:?})"),
        Plan::Union(..) => format!(".union(&{other})"),
        Plan::Sort(_, keys, None) => format!(".sort([{}])", sort_keys(keys)),
        Plan::Sort(_, keys, Some(rows)) => format!(".top_k({rows}, [{}])", sort_keys(keys)),
        Plan::Distinct(_, None, options) if *options == Grouping::default() => {
            ".distinct()".to_owned()
        }
        Plan::Distinct(_, on, options) => {
            let on = on.as_ref();
            let on = on.map_or("Distinct::all()".to_owned(), |on| {
                format!("Distinct::on({on:?})")
            });
            format!(".distinct_with({on}{})", grouping(*options))
        }
        Plan::Aggregate(_, keys, aggs, _) if keys.is_empty() => format!(".agg({})", named(aggs)),
        Plan::Aggregate(_, keys, aggs, options) => {
            let options = grouping(*options);
            format!(".group_by({}){options}.agg({})", named(keys), named(aggs))
        }
        Plan::Join(_, _, options) => format!(".join(&{other}, {})", join(options)),
        Plan::Cross(..) => format!(".cross_join(&{other})"),
        Plan::Broadcast(..) => format!(".broadcast(&{other})"),
    }
}

fn named(exprs: &[(String, Expr)]) -> String {
    let named = |(name, own): &(String, Expr)| match own {
        Expr::Col(own) if own == name => format!("col({name:?})"),
        own => format!("{}.alias({name:?})", expr(own)),
    };
    match exprs {
        [] => "Vec::<Expr>::new()".to_owned(),
        exprs => format!(
            "[{}]",
            exprs.iter().map(named).collect::<Vec<_>>().join(", ")
        ),
    }
}

fn grouping(options: Grouping) -> String {
    let order = if options.maintain_order {
        ".maintain_order(true)"
    } else {
        ""
    };
    let sorted = if options.sorted { ".sorted(true)" } else { "" };
    format!("{order}{sorted}")
}

fn sort_keys(keys: &[SortKey]) -> String {
    let key = |key: &SortKey| {
        let direction = if key.descending { "desc" } else { "asc" };
        let nulls = if key.nulls_first {
            ".nulls_first()"
        } else {
            ""
        };
        format!("{}.{direction}(){nulls}", expr(&key.expr))
    };
    keys.iter().map(key).collect::<Vec<_>>().join(", ")
}

fn join(options: &Join) -> String {
    let kind = match options.kind {
        JoinKind::Inner => "inner",
        JoinKind::Left => "left",
        JoinKind::Right => "right",
        JoinKind::Full => "full",
        JoinKind::Semi => "semi",
        JoinKind::Anti => "anti",
    };
    let mut text = format!("Join::{kind}()");
    if !options.on.is_empty() {
        let lefts = list(options.on.iter().map(|(left, _)| left));
        let rights = list(options.on.iter().map(|(_, right)| right));
        let _ = write!(text, ".left_on([{lefts}]).right_on([{rights}])");
    }
    if let Some(filter) = &options.filter {
        let _ = write!(text, ".filter({})", expr(filter));
    }
    if options.suffix != "_right" {
        let _ = write!(text, ".suffix({:?})", options.suffix);
    }
    if !options.coalesce {
        text.push_str(".coalesce(false)");
    }
    if options.nulls_equal {
        text.push_str(".nulls_equal(true)");
    }
    if options.maintain_order {
        text.push_str(".maintain_order(true)");
    }
    if options.sorted {
        text.push_str(".sorted(true)");
    }
    text
}
