//! Expressions, values and types as Rust writes them.

use std::fmt::Write as _;

use arrow::datatypes::DataType;

use crate::oracle::{AggFn, ArithOp, CmpOp, Expr, Function, Test, Type, Value};

/// The expression as a call.
pub(super) fn expr(own: &Expr) -> String {
    let method = |arg: &Expr, call: &str| format!("{}.{call}", expr(arg));
    match own {
        Expr::Col(name) => format!("col({name:?})"),
        Expr::Lit(value, data_type) => literal(value, *data_type),
        Expr::Arith(op, left, right) => {
            let (left, right) = (expr(left), expr(right));
            match op {
                ArithOp::Add => format!("({left} + {right})"),
                ArithOp::Sub => format!("({left} - {right})"),
                ArithOp::Mul => format!("({left} * {right})"),
                ArithOp::Div => format!("({left} / {right})"),
                ArithOp::Rem => format!("({left} % {right})"),
                ArithOp::FloorDiv => format!("{left}.floor_div({right})"),
                ArithOp::FloorMod => format!("{left}.floor_mod({right})"),
            }
        }
        Expr::Neg(arg) => format!("(-{})", expr(arg)),
        Expr::Abs(arg) => method(arg, "abs()"),
        Expr::Call(function, arg) => method(arg, &call(*function)),
        Expr::Cmp(op, left, right) => {
            let name = match op {
                CmpOp::Eq => "eq",
                CmpOp::NotEq => "neq",
                CmpOp::Lt => "lt",
                CmpOp::LtEq => "lt_eq",
                CmpOp::Gt => "gt",
                CmpOp::GtEq => "gt_eq",
            };
            method(left, &format!("{name}({})", expr(right)))
        }
        Expr::And(left, right) => format!("({} & {})", expr(left), expr(right)),
        Expr::Or(left, right) => format!("({} | {})", expr(left), expr(right)),
        Expr::Not(arg) => format!("(!{})", expr(arg)),
        Expr::Is(test, arg) => method(
            arg,
            match test {
                Test::Null => "is_null()",
                Test::NotNull => "is_not_null()",
                Test::True => "is_true()",
                Test::False => "is_false()",
                Test::Nan => "is_nan()",
            },
        ),
        Expr::In(arg, members, negated) => {
            let name = if *negated { "not_in" } else { "is_in" };
            method(arg, &format!("{name}([{}])", list(members)))
        }
        Expr::Between(parts, negated) => {
            let name = if *negated { "not_between" } else { "between" };
            let [arg, low, high] = &**parts;
            method(arg, &format!("{name}({}, {})", expr(low), expr(high)))
        }
        Expr::Case(branches, otherwise) => {
            let mut text = String::new();
            for (at, (condition, then)) in branches.iter().enumerate() {
                let dot = if at > 0 { "." } else { "" };
                let _ = write!(text, "{dot}when({}).then({})", expr(condition), expr(then));
            }
            match otherwise {
                Some(otherwise) => text + &format!(".otherwise({})", expr(otherwise)),
                None => text + ".end()",
            }
        }
        Expr::Coalesce(values) => format!("coalesce([{}])", list(values)),
        Expr::Cast(arg, to, forgiving) => {
            let name = if *forgiving { "try_cast" } else { "cast" };
            method(arg, &format!("{name}({})", arrow_type(&to.to_arrow())))
        }
        Expr::Agg(function, arg) => {
            let arg = arg.as_deref().map(expr).unwrap_or_default();
            match function {
                AggFn::Len => "len()".to_owned(),
                AggFn::Sum => format!("{arg}.sum()"),
                AggFn::Min => format!("{arg}.min()"),
                AggFn::Max => format!("{arg}.max()"),
                AggFn::Mean => format!("{arg}.mean()"),
                AggFn::Var => format!("{arg}.var()"),
                AggFn::Std => format!("{arg}.std()"),
                AggFn::Quantile(50) => format!("{arg}.median()"),
                AggFn::Quantile(share) => format!("{arg}.quantile(0.{share:02})"),
                AggFn::Count(nulls) => format!("Count::new().nulls({nulls}).of({arg})"),
                AggFn::NUnique(nulls) => format!("NUnique::new().nulls({nulls}).of({arg})"),
                AggFn::First(nulls) => format!("First::new().ignore_nulls({nulls}).of({arg})"),
                AggFn::Last(nulls) => format!("Last::new().ignore_nulls({nulls}).of({arg})"),
            }
        }
    }
}

/// The call of a function of one value.
fn call(function: Function) -> String {
    match function {
        Function::Upper => "str().upper()".to_owned(),
        Function::Strip => "str().strip()".to_owned(),
        Function::LenChars => "str().len_chars()".to_owned(),
        Function::Slice(start, end) => format!("str().slice({start}, {end})"),
        Function::Contains(text) => format!("str().contains({text:?})"),
        Function::StartsWith(text) => format!("str().starts_with({text:?})"),
        Function::Like(pattern) => format!("str().like({pattern:?})"),
        Function::Year => "dt().year()".to_owned(),
        Function::Month => "dt().month()".to_owned(),
        Function::DayOfYear => "dt().day_of_year()".to_owned(),
        Function::AddDays(days) => format!("dt().add_days({days}i64)"),
        Function::AddMonths(months) => format!("dt().add_months({months}i64)"),
    }
}

/// Expressions with commas between.
pub(super) fn list<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> String {
    exprs.into_iter().map(expr).collect::<Vec<_>>().join(", ")
}

fn literal(value: &Value, data_type: Type) -> String {
    let arrow = arrow_type(&data_type.to_arrow());
    match (value, data_type) {
        (Value::Null, _) => format!("lit(ScalarValue::null(&{arrow}))"),
        (Value::Int(int), Type::Int { bits, signed }) => {
            format!("lit({int}{}{bits})", if signed { "i" } else { "u" })
        }
        (Value::Date(days), _) => format!("lit(ScalarValue::date({days}))"),
        (Value::Decimal(decimal), Type::Decimal(precision, scale)) => {
            let digits = decimal.at_scale(scale.into()).unwrap_or(0);
            format!("lit(ScalarValue::decimal({digits}, {precision}, {scale})?)")
        }
        (Value::Instant(micros), _) => format!(
            "lit(ScalarValue::from_array(&TimestampMicrosecondArray::from(vec![{micros}]), 0)?)"
        ),
        (value, data_type) => format!("lit({})", native(value, data_type)),
    }
}

/// The value as Rust writes it.
pub(super) fn native(value: &Value, data_type: Type) -> String {
    let float = if data_type == Type::Float32 {
        "f32"
    } else {
        "f64"
    };
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) if value.is_nan() => format!("{float}::NAN"),
        Value::Float(value) if value.is_infinite() => {
            let sign = if *value < 0.0 { "NEG_" } else { "" };
            format!("{float}::{sign}INFINITY")
        }
        Value::Float(value) if data_type == Type::Float32 => format!("{:?}", *value as f32),
        Value::Float(value) => format!("{value:?}"),
        Value::Decimal(decimal) => decimal.digits.to_string(),
        Value::Text(value) => format!("{value:?}"),
        Value::Date(value) => value.to_string(),
        Value::Instant(value) => value.to_string(),
    }
}

/// The type as Rust writes it.
pub(super) fn arrow_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Dictionary(key, value) => format!(
            "DataType::Dictionary(Box::new({}), Box::new({}))",
            arrow_type(key),
            arrow_type(value)
        ),
        DataType::Timestamp(..) => "DataType::Timestamp(TimeUnit::Microsecond, None)".to_owned(),
        other => format!("DataType::{other:?}"),
    }
}
