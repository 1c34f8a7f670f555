//! `strftime(x, format='%Y')`, `day_name(x)`, `month_name(x)`.

use esker_datatypes::{Column, DataType, Result, ScalarValue};
use esker_kernels::temporal;
use esker_logical_expr::Expr;
use esker_logical_expr::function::{Argument, Call, FunctionProperties, ScalarFunction, Signature};

use super::{DtNamespace, Takes, astray, taken};

/// See [`DtNamespace::strftime`].
#[derive(Clone, Debug)]
pub(crate) struct Strftime {
    format: String,
}

impl Default for Strftime {
    fn default() -> Self {
        Self {
            format: "%F".to_owned(),
        }
    }
}

/// See [`DtNamespace::day_name`], [`DtNamespace::month_name`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name {
    Day,
    Month,
}

/// Dates and times as text.
impl DtNamespace {
    /// Text after a format of C's `strftime`: `%Y %m %d %H %M %S` and
    /// [others](esker_kernels::temporal::format()); one that is not known is an error.
    pub fn strftime(self, format: impl Into<String>) -> Expr {
        let format = format.into();
        self.call(Strftime { format }, [])
    }

    /// The English name of the day of the week: `Monday`.
    pub fn day_name(self) -> Expr {
        self.call(Name::Day, [])
    }

    /// The English name of the month: `January`.
    pub fn month_name(self) -> Expr {
        self.call(Name::Month, [])
    }
}

impl ScalarFunction for Strftime {
    fn name(&self) -> &str {
        "strftime"
    }

    fn signature(&self) -> Signature {
        Signature::each([Argument::DateOrTime], 1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        temporal::check_format(&self.format)?;
        taken(self, args, Takes::Any).map(|_| DataType::Utf8View)
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default().with_cost(200.0)
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        match args {
            [moment] => temporal::format(&self.format, moment, call.selection, call.buffers),
            _ => Err(astray(self, args.len())),
        }
    }

    fn options_text(&self) -> Option<String> {
        Some(format!(
            "format={}",
            ScalarValue::from(self.format.as_str())
        ))
    }
}

impl ScalarFunction for Name {
    fn name(&self) -> &str {
        match self {
            Self::Day => "day_name",
            Self::Month => "month_name",
        }
    }

    fn signature(&self) -> Signature {
        Signature::each([Argument::DateOrTime], 1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        taken(self, args, Takes::Dates).map(|_| DataType::Utf8View)
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        let [moment] = args else {
            return Err(astray(self, args.len()));
        };
        match self {
            Self::Day => temporal::day_name(moment, call.selection, call.buffers),
            Self::Month => temporal::month_name(moment, call.selection, call.buffers),
        }
    }
}
