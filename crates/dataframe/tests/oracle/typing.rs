//! Typing: expressions become typed operations over positions (S4, S5).

use super::expr::{AggFn, ArithOp, Expr, Function, Test};
use super::relation::{Column, Stop};
use super::types::Type;
use super::value::Value;

/// An operation whose type is known.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) data_type: Type,
    /// Whether its values depend on the order in which floats were added.
    pub(crate) approximate: bool,
    pub(super) node: Node,
}

/// An operation; its operands have the types that it computes in.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Col(usize),
    Lit(Value),
    /// To a type that holds the values of another, silently.
    Convert(Box<Typed>),
    Arith(ArithOp, Box<Typed>, Box<Typed>),
    Neg(Box<Typed>),
    Abs(Box<Typed>),
    Call(Function, Box<Typed>),
    Cmp(super::expr::CmpOp, Box<Typed>, Box<Typed>),
    And(Box<Typed>, Box<Typed>),
    Or(Box<Typed>, Box<Typed>),
    Not(Box<Typed>),
    Is(Test, Box<Typed>),
    In(Box<Typed>, Vec<Typed>, bool),
    Between(Box<[Typed; 3]>, bool),
    Case(Vec<(Typed, Typed)>, Option<Box<Typed>>),
    Coalesce(Vec<Typed>),
    Cast(Box<Typed>, bool),
    Agg(AggFn, Option<Box<Typed>>),
}

/// The operation that an expression means over these columns.
pub(crate) fn compile(expr: &Expr, columns: &[Column]) -> Result<Typed, Stop> {
    let one = |expr: &Expr| compile(expr, columns);
    let exact = |expr: &Expr| one(expr).and_then(Typed::exact);
    let condition = |expr: &Expr| exact(expr).and_then(|typed| typed.of_type(Type::Bool));
    let all = |list: &[Expr]| list.iter().map(one).collect::<Result<Vec<_>, _>>();
    Ok(match expr {
        Expr::Col(name) => {
            let Some(at) = columns.iter().position(|column| column.name == *name) else {
                return Stop::invalid(format!("there is no column {name}"));
            };
            Typed {
                data_type: columns[at].data_type,
                approximate: columns[at].approximate,
                node: Node::Col(at),
            }
        }
        Expr::Lit(value, data_type) => Typed::new(*data_type, Node::Lit(value.clone())),
        Expr::Arith(op, left, right) => arith(*op, one(left)?, one(right)?)?,
        Expr::Neg(arg) => {
            let arg = one(arg)?.number()?;
            let to = match arg.data_type {
                Type::Int { signed: true, .. } => arg.data_type,
                Type::Int { bits, .. } => Type::int(bits.min(32) * 2),
                other => other,
            };
            Typed::over(to, [&arg], Node::Neg(Box::new(arg.clone().convert(to))))
        }
        Expr::Abs(arg) => {
            let arg = one(arg)?.number()?;
            Typed::over(arg.data_type, [&arg], Node::Abs(Box::new(arg.clone())))
        }
        Expr::Call(function, arg) => {
            let takes = match function.of_text() {
                true => Type::Text,
                false => Type::Date,
            };
            let arg = exact(arg)?.of_type(takes)?;
            let out = match function {
                Function::Upper | Function::Strip | Function::Slice(..) => Type::Text,
                Function::LenChars => Type::INT64,
                Function::Contains(_) | Function::StartsWith(_) | Function::Like(_) => Type::Bool,
                Function::Year | Function::Month | Function::DayOfYear => Type::int(32),
                Function::AddDays(_) | Function::AddMonths(_) => Type::Date,
            };
            Typed::new(out, Node::Call(*function, arg.into()))
        }
        Expr::Cmp(op, left, right) => {
            let (left, right) = beside(exact(left)?, exact(right)?)?;
            Typed::new(Type::Bool, Node::Cmp(*op, left.into(), right.into()))
        }
        Expr::And(left, right) => {
            let (left, right) = (condition(left)?.into(), condition(right)?.into());
            Typed::new(Type::Bool, Node::And(left, right))
        }
        Expr::Or(left, right) => {
            let (left, right) = (condition(left)?.into(), condition(right)?.into());
            Typed::new(Type::Bool, Node::Or(left, right))
        }
        Expr::Not(arg) => Typed::new(Type::Bool, Node::Not(condition(arg)?.into())),
        Expr::Is(test, arg) => {
            let arg = match test {
                Test::Null | Test::NotNull => one(arg)?,
                Test::True | Test::False => condition(arg)?,
                Test::Nan => one(arg)?,
            };
            if *test == Test::Nan && !arg.data_type.is_float() {
                return Stop::invalid("only floats may be NaN");
            }
            Typed::new(Type::Bool, Node::Is(*test, arg.into()))
        }
        Expr::In(arg, list, negated) => {
            let mut types = vec![exact(arg)?];
            types.extend(list.iter().map(exact).collect::<Result<Vec<_>, _>>()?);
            let first = types[0].clone();
            let (mut whole, mut members) = (first, Vec::new());
            for member in types.into_iter().skip(1) {
                let (arg, member) = beside(whole, member)?;
                whole = arg;
                members.push(member);
            }
            Typed::new(Type::Bool, Node::In(whole.into(), members, *negated))
        }
        Expr::Between(parts, negated) => {
            let [arg, low, high] = &**parts;
            let (arg, low) = beside(exact(arg)?, exact(low)?)?;
            let (arg, high) = beside(arg, exact(high)?)?;
            Typed::new(Type::Bool, Node::Between([arg, low, high].into(), *negated))
        }
        Expr::Case(branches, otherwise) => {
            let mut values = branches
                .iter()
                .map(|(_, then)| one(then))
                .collect::<Result<Vec<_>, _>>()?;
            values.extend(otherwise.as_deref().map(one).transpose()?);
            let mut values = in_common(values)?;
            let approximate = values.iter().any(|value| value.approximate);
            let data_type = values[0].data_type;
            let otherwise = match otherwise {
                Some(_) => values.pop().map(Box::new),
                None => None,
            };
            let whens = branches.iter().map(|(when, _)| condition(when));
            let whens = whens.collect::<Result<Vec<_>, _>>()?;
            let branches = whens.into_iter().zip(values).collect();
            Typed {
                data_type,
                approximate,
                node: Node::Case(branches, otherwise),
            }
        }
        Expr::Coalesce(list) => {
            let list = in_common(all(list)?)?;
            Typed {
                data_type: list[0].data_type,
                approximate: list.iter().any(|value| value.approximate),
                node: Node::Coalesce(list),
            }
        }
        Expr::Cast(arg, to, forgiving) => {
            Typed::new(*to, Node::Cast(exact(arg)?.into(), *forgiving))
        }
        Expr::Agg(function, arg) => {
            let arg = arg.as_deref().map(one).transpose()?;
            aggregate(*function, arg)?
        }
    })
}

impl Typed {
    fn new(data_type: Type, node: Node) -> Self {
        Self {
            data_type,
            approximate: false,
            node,
        }
    }

    fn over<const N: usize>(data_type: Type, args: [&Self; N], node: Node) -> Self {
        Self {
            data_type,
            approximate: args.iter().any(|arg| arg.approximate),
            node,
        }
    }

    /// That rounding cannot change what becomes of it.
    pub(super) fn exact(self) -> Result<Self, Stop> {
        match self.approximate {
            true => Err(Stop::Ambiguous),
            false => Ok(self),
        }
    }

    pub(super) fn of_type(self, data_type: Type) -> Result<Self, Stop> {
        match self.data_type == data_type {
            true => Ok(self),
            false => Stop::invalid(format!("{:?} instead of {data_type:?}", self.data_type)),
        }
    }

    fn number(self) -> Result<Self, Stop> {
        match self.data_type.is_number() {
            true => Ok(self),
            false => Stop::invalid("a number is wanted"),
        }
    }

    /// In a type that holds its values.
    pub(super) fn convert(self, to: Type) -> Self {
        if self.data_type == to {
            return self;
        }
        Self {
            data_type: to,
            approximate: self.approximate,
            node: Node::Convert(self.into()),
        }
    }

    fn literal(&self) -> Option<&Value> {
        match &self.node {
            Node::Lit(value) => Some(value),
            _ => None,
        }
    }

    /// The type of an operand beside another: a literal takes the other's where it fits.
    fn settled(&self, other: &Self) -> Type {
        let (own, beside) = (self.data_type, other.data_type);
        let Some(literal) = self.literal() else {
            return own;
        };
        match literal {
            Value::Null if own.is_int() && beside.is_number() => beside,
            Value::Null if own.is_float() && beside.is_float() && other.literal().is_none() => {
                beside
            }
            _ if beside.is_decimal() => Type::literal_decimal(literal).unwrap_or(own),
            _ if other.literal().is_some() => own,
            Value::Int(int) if own.is_int() && (beside.is_int() || beside.is_float()) => {
                match beside.holds(*int) {
                    true => beside,
                    false => Type::smallest_int(*int),
                }
            }
            // A finite literal beyond the range of 32 bits stays what it is.
            Value::Float(float) if float.is_finite() && (*float as f32).is_infinite() => own,
            Value::Float(_) if own.is_float() && beside.is_float() => beside,
            _ => own,
        }
    }
}

/// Two operands that are compared, literals in the type that they take.
fn beside(left: Typed, right: Typed) -> Result<(Typed, Typed), Stop> {
    let (l, r) = (left.settled(&right), right.settled(&left));
    let instants = |t: Type| matches!(t, Type::Date | Type::Instant);
    let numbers = l.is_number() && r.is_number();
    let inexact = (l.is_decimal() && r.is_float()) || (l.is_float() && r.is_decimal());
    match (numbers && !inexact) || l == r || (instants(l) && instants(r)) {
        true => Ok((left.convert(l), right.convert(r))),
        false => Stop::invalid(format!("{l:?} and {r:?} do not compare")),
    }
}

/// Values in the type that holds all of them.
fn in_common(values: Vec<Typed>) -> Result<Vec<Typed>, Stop> {
    let no_common = || Stop::Invalid("values without a common type".to_owned());
    let inexact =
        |a: Type, b: Type| (a.is_decimal() && b.is_float()) || (a.is_float() && b.is_decimal());
    let both = |a: Type, b: Type| match inexact(a, b) {
        true => Err(no_common()),
        false => a.common(b).ok_or_else(no_common),
    };
    let plain = values.iter().filter(|value| value.literal().is_none());
    let mut common: Option<Type> = None;
    for value in plain {
        common = Some(match common {
            Some(common) => both(common, value.data_type)?,
            None => value.data_type,
        });
    }
    let mut common = match common {
        Some(common) => {
            let column = Typed::new(common, Node::Col(0));
            let mut all = common;
            for literal in values.iter().filter(|value| value.literal().is_some()) {
                all = both(all, literal.settled(&column))?;
            }
            all
        }
        None => values.first().ok_or_else(no_common)?.data_type,
    };
    for value in values.iter().filter(|value| value.literal().is_some()) {
        // Literals alone.
        if values.iter().all(|value| value.literal().is_some()) {
            common = both(common, value.data_type)?;
        }
    }
    Ok(values.into_iter().map(|v| v.convert(common)).collect())
}

fn arith(op: ArithOp, left: Typed, right: Typed) -> Result<Typed, Stop> {
    let (mut left, mut right) = (left.number()?, right.number()?);
    // Arguments of a function, not operands.
    if matches!(op, ArithOp::FloorDiv | ArithOp::FloorMod)
        && let [Some(l), Some(r)] = [left.literal(), right.literal()]
        && (l.is_null() || r.is_null())
    {
        let mut both = in_common(vec![left, right])?;
        right = both.pop().ok_or(Stop::Ambiguous)?;
        left = both.pop().ok_or(Stop::Ambiguous)?;
    }
    let (l, r) = (left.settled(&right), right.settled(&left));
    let args = |l: Type, r: Type| {
        let left = Box::new(left.clone().convert(l));
        Node::Arith(op, left, Box::new(right.clone().convert(r)))
    };
    let over = |out: Type, node: Node| Typed::over(out, [&left, &right], node);
    if l.is_decimal() || r.is_decimal() {
        let (Some((lw, ls)), Some((rw, rs))) = (l.decimal_parts(), r.decimal_parts()) else {
            return Stop::invalid("a decimal beside a float");
        };
        let out = match op {
            ArithOp::Add | ArithOp::Sub => Type::decimal(lw.max(rw) + 1, ls.max(rs)),
            ArithOp::Mul if ls + rs <= 38 => Type::decimal(lw + rw, ls + rs),
            _ => return Stop::invalid("division of decimals"),
        };
        // Both are exact as they are.
        return Ok(over(out, args(l, r)));
    }
    if op == ArithOp::Div {
        return Ok(over(Type::Float64, args(Type::Float64, Type::Float64)));
    }
    let Some(common) = l.common(r) else {
        return Stop::invalid("numbers without a common type");
    };
    let discrete = matches!(op, ArithOp::Rem | ArithOp::FloorDiv | ArithOp::FloorMod);
    if discrete && common.is_float() {
        return Stop::invalid("a remainder of floats");
    }
    Ok(over(common, args(common, common)))
}

fn aggregate(function: AggFn, arg: Option<Typed>) -> Result<Typed, Stop> {
    let Some(arg) = arg else {
        return match function {
            AggFn::Len => Ok(Typed::new(Type::INT64, Node::Agg(function, None))),
            _ => Stop::invalid("an aggregate without an argument"),
        };
    };
    let (own, approximate) = (arg.data_type, arg.approximate);
    let number = || arg.clone().number();
    let (data_type, approximate) = match function {
        AggFn::Len => return Stop::invalid("len() has no argument"),
        AggFn::Sum => {
            number()?;
            let out = match own {
                Type::Int { signed: true, .. } => Type::INT64,
                Type::Int { .. } => Type::UINT64,
                Type::Decimal(_, scale) => Type::Decimal(super::types::MAX_DIGITS, scale),
                _ => Type::Float64,
            };
            (out, approximate)
        }
        AggFn::Mean => {
            number()?;
            (Type::Float64, approximate || own.is_decimal())
        }
        AggFn::Var | AggFn::Std | AggFn::Quantile(_) => {
            number()?;
            (Type::Float64, true)
        }
        AggFn::Min | AggFn::Max | AggFn::First(_) | AggFn::Last(_) => (own, approximate),
        AggFn::Count(_) => (Type::INT64, false),
        AggFn::NUnique(_) => {
            arg.clone().exact()?;
            (Type::INT64, false)
        }
    };
    Ok(Typed {
        data_type,
        approximate,
        node: Node::Agg(function, Some(arg.into())),
    })
}
