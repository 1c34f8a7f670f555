//! Plans as a user writes them.

use std::rc::Rc;

use super::expr::Expr;

/// A step over others. A plan that is used twice is shared.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// A table, by its position.
    Scan(usize),
    Filter(Rc<Plan>, Expr),
    /// Expressions under names.
    Select(Rc<Plan>, Vec<(String, Expr)>),
    WithColumn(Rc<Plan>, String, Expr),
    /// An offset, and how many rows at most.
    Slice(Rc<Plan>, u64, Option<u64>),
    Union(Rc<Plan>, Rc<Plan>),
    /// Keys, and how many rows at most.
    Sort(Rc<Plan>, Vec<SortKey>, Option<u64>),
    /// In some columns or all.
    Distinct(Rc<Plan>, Option<Vec<String>>, Grouping),
    /// Keys and aggregates under names. Without keys there is one group.
    Aggregate(Rc<Plan>, Vec<(String, Expr)>, Vec<(String, Expr)>, Grouping),
    Join(Rc<Plan>, Rc<Plan>, Box<Join>),
    Cross(Rc<Plan>, Rc<Plan>),
    Broadcast(Rc<Plan>, Rc<Plan>),
}

/// What is asked of groups and kinds of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grouping {
    /// They come in the order of their first rows.
    pub(crate) maintain_order: bool,
    /// The rows are claimed to be sorted by the keys.
    pub(crate) sorted: bool,
}

impl Grouping {
    /// In the order of the first rows.
    pub(crate) const IN_ORDER: Self = Self {
        maintain_order: true,
        sorted: false,
    };
}

#[derive(Clone, Debug)]
pub(crate) struct SortKey {
    pub(crate) expr: Expr,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// What is asked of a join.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) kind: JoinKind,
    pub(crate) on: Vec<(Expr, Expr)>,
    pub(crate) filter: Option<Expr>,
    pub(crate) suffix: String,
    pub(crate) coalesce: bool,
    pub(crate) nulls_equal: bool,
    pub(crate) maintain_order: bool,
    /// Both sides are claimed to be sorted by the keys.
    pub(crate) sorted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Semi,
    Anti,
}

impl JoinKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Inner,
        Self::Left,
        Self::Right,
        Self::Full,
        Self::Semi,
        Self::Anti,
    ];
}

impl Join {
    /// A join of a kind on columns of the same names.
    pub(crate) fn on(kind: JoinKind, names: &[&str]) -> Self {
        Self {
            kind,
            on: names.iter().map(|n| (Expr::col(n), Expr::col(n))).collect(),
            filter: None,
            suffix: "_right".to_owned(),
            coalesce: true,
            nulls_equal: false,
            maintain_order: false,
            sorted: false,
        }
    }
}

impl Plan {
    /// The plans below.
    pub(crate) fn inputs(&self) -> Vec<&Rc<Plan>> {
        match self {
            Self::Scan(_) => vec![],
            Self::Filter(input, _)
            | Self::Select(input, _)
            | Self::WithColumn(input, ..)
            | Self::Slice(input, ..)
            | Self::Sort(input, ..)
            | Self::Distinct(input, ..)
            | Self::Aggregate(input, ..) => vec![input],
            Self::Union(left, right)
            | Self::Join(left, right, _)
            | Self::Cross(left, right)
            | Self::Broadcast(left, right) => vec![left, right],
        }
    }

    /// The same step over another plan below.
    pub(crate) fn with_input(&self, at: usize, new: Rc<Plan>) -> Self {
        let mut plan = self.clone();
        match &mut plan {
            Self::Scan(_) => {}
            Self::Filter(input, _)
            | Self::Select(input, _)
            | Self::WithColumn(input, ..)
            | Self::Slice(input, ..)
            | Self::Sort(input, ..)
            | Self::Distinct(input, ..)
            | Self::Aggregate(input, ..) => *input = new,
            Self::Union(left, right)
            | Self::Join(left, right, _)
            | Self::Cross(left, right)
            | Self::Broadcast(left, right) => *if at == 0 { left } else { right } = new,
        }
        plan
    }

    /// Whether a step of the plan has this property.
    pub(crate) fn any(&self, f: &dyn Fn(&Self) -> bool) -> bool {
        f(self) || self.inputs().iter().any(|input| input.any(f))
    }
}
