//! Which arguments a function takes, and how others are coerced to them.

use std::ops::RangeInclusive;

use esker_datatypes::{
    DataType, Error, Result, ScalarValue, TimeUnit, is_decimal, is_string, value_type,
};

use crate::typing::{common_operand_type, decimal_operand_types, silently_becomes};

/// An argument as typing sees it: its type, and its value when it is a literal.
#[derive(Clone, Debug)]
pub struct Operand {
    /// The logical type.
    pub data_type: DataType,
    /// Whether it may be null.
    pub nullable: bool,
    /// The value of a literal, whose type may still change with its surroundings.
    pub literal: Option<ScalarValue>,
}

/// How many arguments of which types a function takes.
#[derive(Clone, Debug)]
pub struct Signature {
    count: RangeInclusive<usize>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Any,
    Common,
    Numeric,
    Text,
    Exact(Vec<DataType>),
    Each(Vec<Argument>),
}

/// What one argument is; see [`Signature::each`].
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A string of any layout, taken as it is.
    Text,
    /// A date, a time or a timestamp, taken as it is.
    DateOrTime,
    /// Exactly this type, to which others are coerced where that loses nothing.
    Exact(DataType),
}

impl Argument {
    /// The type to which an operand is cast, if it is taken.
    fn coerce(&self, operand: &Operand) -> Option<DataType> {
        let own = value_type(&operand.data_type);
        match self {
            Self::Text if *own == DataType::Null => Some(DataType::Utf8View),
            Self::Text => is_string(own).then(|| own.clone()),
            Self::DateOrTime => match own {
                DataType::Null => Some(DataType::Timestamp(TimeUnit::Microsecond, None)),
                DataType::Date32
                | DataType::Date64
                | DataType::Time32(_)
                | DataType::Time64(_)
                | DataType::Timestamp(_, _) => Some(own.clone()),
                _ => None,
            },
            Self::Exact(wanted) => silently_becomes(operand, wanted).then(|| wanted.clone()),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::DateOrTime => "date or time".to_owned(),
            Self::Exact(wanted) => wanted.to_string(),
        }
    }
}

impl Signature {
    /// Arguments of any types, taken as they are.
    pub fn any(count: RangeInclusive<usize>) -> Self {
        Self {
            count,
            kind: Kind::Any,
        }
    }

    /// Arguments of any types, coerced to the one that holds them all.
    pub fn common(count: RangeInclusive<usize>) -> Self {
        Self {
            count,
            kind: Kind::Common,
        }
    }

    /// Numbers, coerced to the type that holds them all; where that is a decimal, each to a decimal
    /// of its own precision and scale.
    pub fn numeric(count: RangeInclusive<usize>) -> Self {
        Self {
            count,
            kind: Kind::Numeric,
        }
    }

    /// Strings of any layout, taken as they are.
    pub fn text(count: RangeInclusive<usize>) -> Self {
        Self {
            count,
            kind: Kind::Text,
        }
    }

    /// Exactly these types, to which others are coerced where that loses nothing.
    pub fn exact(types: impl Into<Vec<DataType>>) -> Self {
        let types = types.into();
        Self {
            count: types.len()..=types.len(),
            kind: Kind::Exact(types),
        }
    }

    /// Arguments of different kinds, of which the first `least` must be given.
    pub fn each(arguments: impl Into<Vec<Argument>>, least: usize) -> Self {
        let arguments = arguments.into();
        Self {
            count: least..=arguments.len(),
            kind: Kind::Each(arguments),
        }
    }

    /// The types to which these arguments are cast.
    ///
    /// # Errors
    /// `TypeMismatch` that names the function, what it takes and what it was given.
    pub fn coerce(&self, function: &str, args: &[Operand]) -> Result<Vec<DataType>> {
        if !self.count.contains(&args.len()) {
            let (least, most) = (self.count.start(), self.count.end());
            let wanted = match (least, most) {
                (least, most) if least == most => format!("{least}"),
                (least, &usize::MAX) => format!("at least {least}"),
                (least, most) => format!("{least} to {most}"),
            };
            let plural = if wanted == "1" { "" } else { "s" };
            return Err(Error::type_mismatch(format!(
                "{function}() takes {wanted} argument{plural}, not {}",
                args.len()
            )));
        }
        let refuse = |wanted: &str| {
            let given: Vec<String> = args.iter().map(|a| a.data_type.to_string()).collect();
            Error::type_mismatch(format!(
                "{function}() takes {wanted}, not ({})",
                given.join(", ")
            ))
        };
        match &self.kind {
            Kind::Any => Ok(args.iter().map(|a| a.data_type.clone()).collect()),
            Kind::Common => {
                let Some(common) = common_operand_type(args) else {
                    return Err(refuse("arguments of one type"));
                };
                Ok(vec![common; args.len()])
            }
            Kind::Numeric => match common_operand_type(args) {
                Some(common) if is_decimal(&common) => Ok(decimal_operand_types(args, &common)),
                Some(common) if common.is_numeric() || common == DataType::Null => {
                    // A null literal alone has no type of its own: count it as a number.
                    let common = if common == DataType::Null {
                        DataType::Int64
                    } else {
                        common
                    };
                    Ok(vec![common; args.len()])
                }
                _ => Err(refuse("numbers")),
            },
            Kind::Text => {
                let text = |a: &Operand| match value_type(&a.data_type) {
                    DataType::Null => Some(DataType::Utf8View),
                    other => is_string(other).then(|| other.clone()),
                };
                args.iter()
                    .map(text)
                    .collect::<Option<_>>()
                    .ok_or_else(|| refuse("text"))
            }
            Kind::Each(arguments) => {
                let pairs = args.iter().zip(arguments);
                let types = pairs.map(|(operand, argument)| argument.coerce(operand));
                types.collect::<Option<_>>().ok_or_else(|| {
                    let wanted = arguments.iter().take(args.len()).map(Argument::name);
                    refuse(&format!("({})", wanted.collect::<Vec<_>>().join(", ")))
                })
            }
            Kind::Exact(types) => {
                let fits = args.iter().zip(types).all(|(a, t)| silently_becomes(a, t));
                if fits {
                    Ok(types.clone())
                } else {
                    let wanted: Vec<String> = types.iter().map(ToString::to_string).collect();
                    Err(refuse(&format!("({})", wanted.join(", "))))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
