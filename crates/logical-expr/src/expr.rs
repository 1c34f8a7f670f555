//! The expression tree.

use std::fmt;
use std::sync::{Arc, OnceLock};

use esker_datatypes::{ColumnId, DataType, Field, Name, ScalarValue};
use esker_kernels::cast::CastMode;

use crate::function::{AggregateFunction, ScalarFunction};
use crate::operator::{BinaryOp, UnaryOp};
use crate::tree::{self, Child, TreeNode};

/// A shared sub-expression.
pub type ExprChild = Child<Expr>;

/// An expression: what to compute for each row from the columns of the input.
///
/// Build one with [`col`](crate::col), [`lit`](crate::lit) and the methods; a plan node resolves
/// its names. There is no `==` on expressions: `col("a").eq(1)` builds a comparison, and
/// [`same_as`](Expr::same_as) compares trees.
#[derive(Clone)]
pub enum Expr {
    /// A column of the input.
    Column(ColumnRef),
    /// A value.
    Literal(ScalarValue),
    /// An expression under another name.
    Alias(Alias),
    /// An operator between two operands.
    Binary(Binary),
    /// An operator on one operand.
    Unary(Unary),
    /// A conversion to another type.
    Cast(Cast),
    /// The value of the first branch whose condition is true.
    Case(Case),
    /// Whether a value is one of several.
    InList(InList),
    /// Whether a value lies between two bounds, inclusive.
    Between(Between),
    /// A call of a scalar function: the extension point of the tree, since anybody may implement
    /// [`ScalarFunction`].
    Function(FunctionCall),
    /// A call of an aggregate function; only an aggregate node evaluates it.
    Aggregate(AggregateCall),
}

/// A reference to a column: by name until a plan node resolves it, then by identity.
#[derive(Clone, Debug)]
pub struct ColumnRef {
    /// The qualifier, once resolved and if it was written.
    pub(crate) qualifier: Option<Name>,
    /// The name; before resolving, all that was written.
    pub(crate) name: Name,
    /// The column meant, once resolved.
    pub(crate) id: Option<ColumnId>,
}

impl ColumnRef {
    /// A reference to whatever column this text will mean.
    pub fn unresolved(text: impl Into<Name>) -> Self {
        Self {
            qualifier: None,
            name: text.into(),
            id: None,
        }
    }

    /// A reference to this very column, under its bare name.
    pub fn resolved(field: &Field) -> Self {
        Self {
            qualifier: None,
            name: Arc::clone(field.name()),
            id: Some(field.id()),
        }
    }

    /// The same reference to another column, as a rule that re-ids a plan makes it.
    #[must_use]
    pub fn with_id(mut self, id: ColumnId) -> Self {
        self.id = Some(id);
        self
    }

    /// The column's name; before resolving, all that was written.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The qualifier, once resolved and if it was written.
    pub fn qualifier(&self) -> Option<&Name> {
        self.qualifier.as_ref()
    }

    /// The column meant, once resolved.
    pub fn id(&self) -> Option<ColumnId> {
        self.id
    }
}

/// See [`Expr::Alias`].
#[derive(Clone, Debug)]
pub struct Alias {
    /// The expression.
    pub expr: ExprChild,
    /// Its name.
    pub name: Name,
}

/// See [`Expr::Binary`].
#[derive(Clone, Debug)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// The left operand.
    pub left: ExprChild,
    /// The right operand.
    pub right: ExprChild,
}

/// See [`Expr::Unary`].
#[derive(Clone, Debug)]
pub struct Unary {
    /// The operator.
    pub op: UnaryOp,
    /// The operand.
    pub expr: ExprChild,
}

/// See [`Expr::Cast`].
#[derive(Clone, Debug)]
pub struct Cast {
    /// What is converted.
    pub expr: ExprChild,
    /// The type wanted.
    pub to: DataType,
    /// Whether a value that does not fit is an error or null.
    pub mode: CastMode,
}

/// See [`Expr::Case`].
#[derive(Clone, Debug)]
pub struct Case {
    /// Conditions and values, at least one; the first true condition wins.
    pub branches: Vec<(ExprChild, ExprChild)>,
    /// The value when no condition is true; null when absent.
    pub otherwise: Option<ExprChild>,
}

/// See [`Expr::InList`].
#[derive(Clone, Debug)]
pub struct InList {
    /// The value looked for.
    pub expr: ExprChild,
    /// The members.
    pub list: Vec<ExprChild>,
    /// `NOT IN`.
    pub negated: bool,
}

/// See [`Expr::Between`].
#[derive(Clone, Debug)]
pub struct Between {
    /// The value.
    pub expr: ExprChild,
    /// The lower bound, inclusive.
    pub low: ExprChild,
    /// The upper bound, inclusive.
    pub high: ExprChild,
    /// `NOT BETWEEN`.
    pub negated: bool,
}

/// See [`Expr::Function`].
#[derive(Clone, Debug)]
pub struct FunctionCall {
    /// The function.
    pub function: Arc<dyn ScalarFunction>,
    /// Its arguments.
    pub args: Vec<ExprChild>,
}

/// See [`Expr::Aggregate`].
#[derive(Clone, Debug)]
pub struct AggregateCall {
    /// The function, with its options.
    pub function: Arc<dyn AggregateFunction>,
    /// Its arguments.
    pub args: Vec<ExprChild>,
}

impl TreeNode for Expr {
    fn for_each_child<'a>(&'a self, f: &mut dyn FnMut(&'a ExprChild)) {
        match self {
            Self::Column(_) | Self::Literal(_) => {}
            Self::Alias(Alias { expr, .. })
            | Self::Unary(Unary { expr, .. })
            | Self::Cast(Cast { expr, .. }) => f(expr),
            Self::Binary(Binary { left, right, .. }) => {
                f(left);
                f(right);
            }
            Self::Case(Case {
                branches,
                otherwise,
            }) => {
                for (condition, value) in branches {
                    f(condition);
                    f(value);
                }
                otherwise.iter().for_each(f);
            }
            Self::InList(InList { expr, list, .. }) => {
                f(expr);
                list.iter().for_each(f);
            }
            Self::Between(Between {
                expr, low, high, ..
            }) => {
                f(expr);
                f(low);
                f(high);
            }
            Self::Function(FunctionCall { args, .. })
            | Self::Aggregate(AggregateCall { args, .. }) => args.iter().for_each(f),
        }
    }

    fn for_each_child_mut(&mut self, f: &mut dyn FnMut(&mut ExprChild)) {
        match self {
            Self::Column(_) | Self::Literal(_) => {}
            Self::Alias(Alias { expr, .. })
            | Self::Unary(Unary { expr, .. })
            | Self::Cast(Cast { expr, .. }) => f(expr),
            Self::Binary(Binary { left, right, .. }) => {
                f(left);
                f(right);
            }
            Self::Case(Case {
                branches,
                otherwise,
            }) => {
                for (condition, value) in branches {
                    f(condition);
                    f(value);
                }
                otherwise.iter_mut().for_each(f);
            }
            Self::InList(InList { expr, list, .. }) => {
                f(expr);
                list.iter_mut().for_each(f);
            }
            Self::Between(Between {
                expr, low, high, ..
            }) => {
                f(expr);
                f(low);
                f(high);
            }
            Self::Function(FunctionCall { args, .. })
            | Self::Aggregate(AggregateCall { args, .. }) => args.iter_mut().for_each(f),
        }
    }

    fn leaf() -> Arc<Self> {
        static LEAF: OnceLock<Arc<Expr>> = OnceLock::new();
        Arc::clone(LEAF.get_or_init(|| Arc::new(Expr::Literal(ScalarValue::null(&DataType::Null)))))
    }
}

impl Expr {
    /// A reference to this very column.
    pub fn column(field: &Field) -> Self {
        Self::Column(ColumnRef::resolved(field))
    }

    /// An operator between two operands.
    pub fn binary(left: Self, op: BinaryOp, right: Self) -> Self {
        Self::Binary(Binary {
            op,
            left: left.into(),
            right: right.into(),
        })
    }

    /// An operator on one operand.
    pub fn unary(op: UnaryOp, expr: Self) -> Self {
        Self::Unary(Unary {
            op,
            expr: expr.into(),
        })
    }

    /// A call of a scalar function.
    pub fn function(
        function: Arc<dyn ScalarFunction>,
        args: impl IntoIterator<Item = Self>,
    ) -> Self {
        Self::Function(FunctionCall {
            function,
            args: args.into_iter().map(Child::new).collect(),
        })
    }

    /// A call of an aggregate function.
    pub fn aggregate(
        function: Arc<dyn AggregateFunction>,
        args: impl IntoIterator<Item = Self>,
    ) -> Self {
        Self::Aggregate(AggregateCall {
            function,
            args: args.into_iter().map(Child::new).collect(),
        })
    }

    /// The value, if the expression is one.
    pub fn as_literal(&self) -> Option<&ScalarValue> {
        match self {
            Self::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// The column, if the expression is one that a plan node resolved.
    pub fn as_column(&self) -> Option<ColumnId> {
        match self {
            Self::Column(column) => column.id,
            _ => None,
        }
    }

    /// The expression below its aliases.
    pub fn unaliased(&self) -> &Self {
        let mut expr = self;
        while let Self::Alias(alias) = expr {
            expr = &alias.expr;
        }
        expr
    }

    /// Whether both trees compute the same: same shape, same columns, same values to the bit,
    /// functions of the same name and options. Names of columns and of aliases do not count.
    pub fn same_as(&self, other: &Self) -> bool {
        let mut stack = vec![(self, other)];
        while let Some((left, right)) = stack.pop() {
            let (left, right) = (left.unaliased(), right.unaliased());
            if std::ptr::eq(left, right) {
                continue;
            }
            if !left.same_node(right) {
                return false;
            }
            let (mut lefts, mut rights) = (Vec::new(), Vec::new());
            left.for_each_child(&mut |child| lefts.push(&**child));
            right.for_each_child(&mut |child| rights.push(&**child));
            if lefts.len() != rights.len() {
                return false;
            }
            stack.extend(lefts.into_iter().zip(rights));
        }
        true
    }

    /// Whether two nodes are the same but for their children.
    pub(crate) fn same_node(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Column(a), Self::Column(b)) => match (a.id, b.id) {
                (Some(a), Some(b)) => a == b,
                (None, None) => a.name == b.name,
                _ => false,
            },
            (Self::Literal(a), Self::Literal(b)) => a.same_as(b),
            (Self::Binary(a), Self::Binary(b)) => a.op == b.op,
            (Self::Unary(a), Self::Unary(b)) => a.op == b.op,
            (Self::Cast(a), Self::Cast(b)) => a.to == b.to && a.mode == b.mode,
            (Self::Case(a), Self::Case(b)) => {
                a.branches.len() == b.branches.len()
                    && a.otherwise.is_some() == b.otherwise.is_some()
            }
            (Self::InList(a), Self::InList(b)) => a.negated == b.negated,
            (Self::Between(a), Self::Between(b)) => a.negated == b.negated,
            (Self::Function(a), Self::Function(b)) => a.function.same_as(b.function.as_ref()),
            (Self::Aggregate(a), Self::Aggregate(b)) => a.function.same_as(b.function.as_ref()),
            _ => false,
        }
    }

    /// Whether the tree holds an aggregate call.
    pub fn has_aggregate(&self) -> bool {
        tree::any(self, |e| matches!(e, Self::Aggregate(_)))
    }

    /// Splits `a AND b AND c` into its terms, left to right.
    pub fn conjuncts(&self) -> Vec<&Self> {
        self.terms(BinaryOp::And)
    }

    /// Splits a chain of one associative operator into its terms, left to right.
    pub fn terms(&self, op: BinaryOp) -> Vec<&Self> {
        let mut terms = Vec::new();
        let mut stack = vec![self];
        while let Some(expr) = stack.pop() {
            match expr {
                Self::Binary(binary) if binary.op == op => {
                    stack.push(&binary.right);
                    stack.push(&binary.left);
                }
                _ => terms.push(expr),
            }
        }
        terms
    }

    /// Joins terms with `AND`, from the left; `None` for no terms.
    pub fn all_of(terms: impl IntoIterator<Item = Self>) -> Option<Self> {
        terms
            .into_iter()
            .reduce(|left, right| Self::binary(left, BinaryOp::And, right))
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
