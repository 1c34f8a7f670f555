//! A row-wise interpreter that shares no code with the engine.

use std::cmp::Ordering;

use esker_datatypes::{DataType, ScalarValue, Schema};
use esker_logical_expr::{
    Between, Binary, BinaryOp, Case, Cast, CastMode, Expr, InList, Unary, UnaryOp,
};

/// A value of a row.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

/// The row has no result.
#[derive(Debug)]
pub(super) struct Failure;

impl Value {
    pub(super) fn of(scalar: &ScalarValue) -> Self {
        if scalar.is_null() {
            return Self::Null;
        }
        if let Some(value) = scalar.as_bool() {
            return Self::Bool(value);
        }
        if let Some(value) = scalar.as_i128() {
            return Self::Int(value.try_into().unwrap());
        }
        if let Some(value) = scalar.as_f64() {
            return Self::Float(value);
        }
        Self::Text(scalar.as_str().unwrap().to_owned())
    }

    /// The same value: NaN is NaN; zeros count as one.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            _ => order(self, other) == Some(Ordering::Equal),
        }
    }

    fn truth(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

impl From<Option<bool>> for Value {
    fn from(value: Option<bool>) -> Self {
        value.map_or(Self::Null, Self::Bool)
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Bool(l), Value::Bool(r)) => Some(l.cmp(r)),
        (Value::Int(l), Value::Int(r)) => Some(l.cmp(r)),
        (Value::Text(l), Value::Text(r)) => Some(l.cmp(r)),
        (Value::Float(l), Value::Float(r)) => Some(
            l.partial_cmp(r)
                .unwrap_or_else(|| l.is_nan().cmp(&r.is_nan())),
        ),
        _ => panic!("{left:?} beside {right:?}"),
    }
}

/// The value of an expression for a row.
pub(super) fn value(expr: &Expr, row: &[Value], schema: &Schema) -> Result<Value, Failure> {
    let eval = |expr: &Expr| value(expr, row, schema);
    Ok(match expr {
        Expr::Column(column) => row[schema.index_of(column.id().unwrap()).unwrap()].clone(),
        Expr::Literal(scalar) => Value::of(scalar),
        Expr::Alias(alias) => eval(&alias.expr)?,
        Expr::Binary(Binary {
            op: BinaryOp::And,
            left,
            right,
        }) => {
            let left = eval(left)?.truth();
            if left == Some(false) {
                return Ok(Value::Bool(false));
            }
            match (left, eval(right)?.truth()) {
                (_, Some(false)) => Value::Bool(false),
                (Some(true), Some(true)) => Value::Bool(true),
                _ => Value::Null,
            }
        }
        Expr::Binary(Binary {
            op: BinaryOp::Or,
            left,
            right,
        }) => {
            let left = eval(left)?.truth();
            if left == Some(true) {
                return Ok(Value::Bool(true));
            }
            match (left, eval(right)?.truth()) {
                (_, Some(true)) => Value::Bool(true),
                (Some(false), Some(false)) => Value::Bool(false),
                _ => Value::Null,
            }
        }
        Expr::Binary(Binary { op, left, right }) => {
            let (left, right) = (eval(left)?, eval(right)?);
            if op.as_compare().is_some() {
                compare(*op, &left, &right)
            } else {
                compute(*op, &left, &right)?
            }
        }
        Expr::Unary(Unary { op, expr }) => unary(*op, &eval(expr)?)?,
        Expr::Cast(Cast { expr, to, mode }) => match cast(eval(expr)?, to) {
            Err(Failure) if *mode == CastMode::Try => Value::Null,
            result => result?,
        },
        Expr::Case(Case {
            branches,
            otherwise,
        }) => {
            for (condition, result) in branches {
                if eval(condition)?.truth() == Some(true) {
                    return eval(result);
                }
            }
            match otherwise {
                Some(otherwise) => eval(otherwise)?,
                None => Value::Null,
            }
        }
        Expr::InList(InList {
            expr,
            list,
            negated,
        }) => {
            let x = eval(expr)?;
            let members: Vec<Value> = list
                .iter()
                .map(|member| eval(member))
                .collect::<Result<_, _>>()?;
            let found = if members
                .iter()
                .any(|m| order(&x, m) == Some(Ordering::Equal))
            {
                Some(true)
            } else if members.iter().any(|m| order(&x, m).is_none()) {
                None
            } else {
                Some(false)
            };
            found.map(|found| found != *negated).into()
        }
        Expr::Between(Between {
            expr,
            low,
            high,
            negated,
        }) => {
            let (x, low, high) = (eval(expr)?, eval(low)?, eval(high)?);
            let above = order(&x, &low).map(Ordering::is_ge);
            let below = order(&x, &high).map(Ordering::is_le);
            let within = match (above, below) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
            within.map(|within| within != *negated).into()
        }
        Expr::Function(call) => match (call.function.name(), eval(&call.args[0])?) {
            ("double", Value::Float(x)) => Value::Float(x + x),
            ("fail_on", Value::Int(3)) => return Err(Failure),
            (_, x) => x,
        },
        Expr::Aggregate(_) => panic!("an aggregate"),
    })
}

/// Whether a filter keeps a row: conjuncts one after the other, until one is not TRUE.
pub(super) fn keeps(expr: &Expr, row: &[Value], schema: &Schema) -> Result<bool, Failure> {
    match expr {
        Expr::Binary(Binary {
            op: BinaryOp::And,
            left,
            right,
        }) => Ok(keeps(left, row, schema)? && keeps(right, row, schema)?),
        Expr::Unary(Unary {
            op: UnaryOp::IsTrue,
            expr,
        }) => keeps(expr, row, schema),
        Expr::Alias(alias) => keeps(&alias.expr, row, schema),
        _ => Ok(value(expr, row, schema)?.truth() == Some(true)),
    }
}

fn compare(op: BinaryOp, left: &Value, right: &Value) -> Value {
    let order = order(left, right);
    let holds = |order: Ordering| match op {
        BinaryOp::Eq => order.is_eq(),
        BinaryOp::NotEq => order.is_ne(),
        BinaryOp::Lt => order.is_lt(),
        BinaryOp::LtEq => order.is_le(),
        BinaryOp::Gt => order.is_gt(),
        _ => order.is_ge(),
    };
    order.map(holds).into()
}

fn compute(op: BinaryOp, left: &Value, right: &Value) -> Result<Value, Failure> {
    let checked = |value: Option<i64>| value.map(Value::Int).ok_or(Failure);
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Int(l), Value::Int(r)) => match op {
            BinaryOp::Add => checked(l.checked_add(*r)),
            BinaryOp::Sub => checked(l.checked_sub(*r)),
            BinaryOp::Mul => checked(l.checked_mul(*r)),
            BinaryOp::Rem if *r == 0 => Ok(Value::Null),
            BinaryOp::Rem => Ok(Value::Int(l.wrapping_rem(*r))),
            _ => panic!("{op} of integers"),
        },
        (Value::Float(l), Value::Float(r)) => Ok(Value::Float(match op {
            BinaryOp::Add => l + r,
            BinaryOp::Sub => l - r,
            BinaryOp::Mul => l * r,
            BinaryOp::Div => l / r,
            _ => l % r,
        })),
        _ => panic!("{left:?} {op} {right:?}"),
    }
}

fn unary(op: UnaryOp, value: &Value) -> Result<Value, Failure> {
    let truth = value.truth();
    Ok(match (op, value) {
        (UnaryOp::IsNull, _) => Value::Bool(matches!(value, Value::Null)),
        (UnaryOp::IsNotNull, _) => Value::Bool(!matches!(value, Value::Null)),
        (UnaryOp::IsTrue, _) => Value::Bool(truth == Some(true)),
        (UnaryOp::IsFalse, _) => Value::Bool(truth == Some(false)),
        (_, Value::Null) => Value::Null,
        (UnaryOp::Not, _) => truth.map(|t| !t).into(),
        (UnaryOp::IsNan, Value::Float(x)) => Value::Bool(x.is_nan()),
        (UnaryOp::Negate, Value::Int(x)) => Value::Int(x.checked_neg().ok_or(Failure)?),
        (UnaryOp::Negate, Value::Float(x)) => Value::Float(-x),
        _ => panic!("{op} {value:?}"),
    })
}

fn cast(value: Value, to: &DataType) -> Result<Value, Failure> {
    Ok(match (value, to) {
        (Value::Null, _) => Value::Null,
        (Value::Int(x), DataType::Float64) => Value::Float(x as f64),
        (Value::Int(x), DataType::Utf8View) => Value::Text(x.to_string()),
        (Value::Float(x), DataType::Int64) => {
            let limit = 2f64.powi(63);
            if !(x.is_finite() && x.trunc() >= -limit && x.trunc() < limit) {
                return Err(Failure);
            }
            Value::Int(x.trunc() as i64)
        }
        (Value::Text(x), DataType::Int64) => Value::Int(x.parse().map_err(|_| Failure)?),
        (x @ Value::Int(_), DataType::Int64) | (x @ Value::Float(_), DataType::Float64) => x,
        (x, to) => panic!("{x:?} to {to}"),
    })
}
