//! Pairs of rows of two relations.

use std::fmt;
use std::sync::Arc;

use esker_datatypes::{
    DataType, Error, Field, Result, Schema, SchemaRef, comparison_type, value_type,
};
use esker_logical_expr::{Expr, expr_type, resolve};

use super::write_list;
use crate::plan::{LogicalPlan, Origin, PlanChild, PlanNode};

/// Which rows of a join's inputs make rows of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinType {
    /// The pairs that match.
    Inner,
    /// These, and the left rows without a match, with nulls on the right.
    Left,
    /// The pairs, and the right rows without a match, with nulls on the left.
    Right,
    /// The pairs, and the rows of both sides without a match.
    Full,
    /// The left rows that have a match, once each; no columns of the right.
    Semi,
    /// The left rows that have no match; no columns of the right.
    Anti,
}

impl JoinType {
    /// Whether left rows without a match are in the result.
    pub fn keeps_left(self) -> bool {
        matches!(self, Self::Left | Self::Full)
    }

    /// Whether right rows without a match are in the result.
    pub fn keeps_right(self) -> bool {
        matches!(self, Self::Right | Self::Full)
    }

    /// Whether the result has the columns of the left side only.
    pub fn is_left_only(self) -> bool {
        matches!(self, Self::Semi | Self::Anti)
    }
}

/// One of a join's inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first input.
    Left,
    /// The second input.
    Right,
}

/// The pairs of rows of two relations whose keys are equal and for which a further condition is
/// TRUE, and, by [type](JoinType), the rows that are in no pair. Without keys all pairs count: a
/// cross join.
///
/// The result has the columns of both sides under the names and identities that they have there;
/// [`join_plan`](super::join_plan) gives them the names that a user sees. Null keys equal nothing,
/// unless [`nulls_equal`](Self::nulls_equal) (S2).
#[derive(Clone)]
pub struct Join {
    left: PlanChild,
    right: PlanChild,
    join_type: JoinType,
    on: Vec<(Expr, Expr)>,
    filter: Option<Expr>,
    nulls_equal: bool,
    maintain_order: bool,
    sorted: bool,
    single: bool,
    build: Option<Side>,
    schema: SchemaRef,
    origin: Option<Origin>,
}

impl Join {
    /// A join on pairs of a left and a right key, and a condition on the columns of both sides. A
    /// right side that shares columns with the left one must have been given
    /// [fresh ids](LogicalPlan::with_fresh_ids).
    ///
    /// # Errors
    /// `ColumnNotFound`, `AmbiguousColumn`; `TypeMismatch` when keys do not compare or the condition
    /// is no truth value; `InvalidInput` for an aggregate.
    pub fn try_new(
        left: LogicalPlan,
        right: LogicalPlan,
        join_type: JoinType,
        on: impl IntoIterator<Item = (Expr, Expr)>,
        filter: Option<Expr>,
    ) -> Result<Self> {
        let on = on.into_iter().map(|(l, r)| {
            let pair = (resolve(l, left.schema())?, resolve(r, right.schema())?);
            check_key(&pair, left.schema(), right.schema())?;
            Ok(pair)
        });
        let on = on.collect::<Result<Vec<_>>>()?;
        let both = both_sides(left.schema(), right.schema());
        let filter = filter.map(|f| check_filter(resolve(f, &both)?, &both));
        let filter = filter.transpose()?;
        let schema = Arc::new(output(left.schema(), right.schema(), join_type));
        Ok(Self {
            left: left.into(),
            right: right.into(),
            join_type,
            on,
            filter,
            nulls_equal: false,
            maintain_order: false,
            sorted: false,
            single: false,
            build: None,
            schema,
            origin: None,
        })
    }

    /// The same join, in which null keys equal each other, or nothing.
    #[must_use]
    pub fn with_nulls_equal(mut self, on: bool) -> Self {
        self.nulls_equal = on;
        self
    }

    /// The same join with its rows in the order of the left rows, then of the right ones, the right
    /// rows without a match last; or in any.
    #[must_use]
    pub fn with_maintain_order(mut self, on: bool) -> Self {
        self.maintain_order = on;
        self
    }

    /// The same join of inputs that are claimed to be sorted by the keys, which is verified while
    /// running.
    #[must_use]
    pub fn with_sorted(mut self, sorted: bool) -> Self {
        self.sorted = sorted;
        self
    }

    /// The same join, whose right side must not have more than one row in all: a second one is an
    /// error while running.
    #[must_use]
    pub fn with_single(mut self, single: bool) -> Self {
        self.single = single;
        self
    }

    /// The same join, whose table is built of this side (`None`: of the right one).
    #[must_use]
    pub fn with_build(mut self, build: Option<Side>) -> Self {
        self.build = build;
        self
    }

    /// The same join of another type, which has the same columns but for what may be null.
    #[must_use]
    pub fn with_type(mut self, join_type: JoinType) -> Self {
        self.join_type = join_type;
        self.schema = Arc::new(output(self.left.schema(), self.right.schema(), join_type));
        self
    }

    /// The same join on other keys and another condition, all of them resolved.
    #[must_use]
    pub fn with_condition(mut self, on: Vec<(Expr, Expr)>, filter: Option<Expr>) -> Self {
        self.on = on;
        self.filter = filter;
        self
    }

    /// The left input.
    pub fn left(&self) -> &PlanChild {
        &self.left
    }

    /// The right input.
    pub fn right(&self) -> &PlanChild {
        &self.right
    }

    /// Which rows are in the result.
    pub fn join_type(&self) -> JoinType {
        self.join_type
    }

    /// The pairs of a left and a right key.
    pub fn on(&self) -> &[(Expr, Expr)] {
        &self.on
    }

    /// What else must be true of a pair.
    pub fn filter(&self) -> Option<&Expr> {
        self.filter.as_ref()
    }

    /// Whether null keys equal each other.
    pub fn nulls_equal(&self) -> bool {
        self.nulls_equal
    }

    /// Whether the result is in the order of the left rows, then of the right ones.
    pub fn maintain_order(&self) -> bool {
        self.maintain_order
    }

    /// Whether both inputs are claimed to be sorted by the keys.
    pub fn sorted(&self) -> bool {
        self.sorted
    }

    /// Whether the right side must not have more than one row.
    pub fn single(&self) -> bool {
        self.single
    }

    /// The side that the table is built of, when the optimizer chose one.
    pub fn build(&self) -> Option<Side> {
        self.build
    }

    /// The columns that [`filter`](Self::filter) is over: those of both sides.
    pub fn both_sides(&self) -> Schema {
        both_sides(self.left.schema(), self.right.schema())
    }

    /// Whether all pairs of rows are in the result: a cross join.
    pub fn is_cross(&self) -> bool {
        self.join_type == JoinType::Inner && self.on.is_empty() && self.filter.is_none()
    }
}

fn both_sides(left: &Schema, right: &Schema) -> Schema {
    let fields = left.fields().iter().chain(right.fields());
    fields.cloned().collect()
}

fn output(left: &Schema, right: &Schema, join_type: JoinType) -> Schema {
    let fields = outputs(left, right, join_type);
    fields
        .map(|(field, nullable)| field.clone().with_nullable(nullable))
        .collect()
}

/// The columns of the sides that the result has, and whether they may be null there.
fn outputs<'a>(
    left: &'a Schema,
    right: &'a Schema,
    join_type: JoinType,
) -> impl Iterator<Item = (&'a Field, bool)> {
    let side =
        |fields: &'a [Field], padded: bool| fields.iter().map(move |f| (f, f.nullable() || padded));
    let right = match join_type.is_left_only() {
        true => &[],
        false => right.fields(),
    };
    side(left.fields(), join_type.keeps_right()).chain(side(right, join_type.keeps_left()))
}

/// The type in which two keys are compared; `None` when they do not compare.
pub fn join_key_type(left: &DataType, right: &DataType) -> Option<DataType> {
    comparison_type(value_type(left), value_type(right))
}

fn check_key((left, right): &(Expr, Expr), of_left: &Schema, of_right: &Schema) -> Result<()> {
    if let Some(expr) = [left, right].into_iter().find(|e| e.has_aggregate()) {
        return Err(Error::invalid_input("a join key holds no aggregate").in_expr(expr));
    }
    let l = expr_type(left, of_left)?.data_type;
    let r = expr_type(right, of_right)?.data_type;
    match join_key_type(&l, &r) {
        Some(_) => Ok(()),
        None => Err(Error::type_mismatch(format!(
            "cannot join {left}, which is {l}, with {right}, which is {r}; cast one side"
        ))),
    }
}

fn check_filter(filter: Expr, both: &Schema) -> Result<Expr> {
    let data_type = expr_type(&filter, both)?.data_type;
    if !matches!(value_type(&data_type), DataType::Boolean | DataType::Null) {
        return Err(Error::type_mismatch(format!(
            "a join's condition is a truth value, not {data_type}"
        ))
        .in_expr(&filter));
    }
    if filter.has_aggregate() {
        return Err(Error::invalid_input("a join's condition takes no aggregate").in_expr(&filter));
    }
    Ok(filter)
}

impl PlanNode for Join {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn origin(&self) -> Option<Origin> {
        self.origin
    }

    fn set_origin(&mut self, origin: Option<Origin>) {
        self.origin = origin;
    }

    fn for_each_input<'a>(&'a self, f: &mut dyn FnMut(&'a PlanChild)) {
        f(&self.left);
        f(&self.right);
    }

    fn for_each_input_mut(&mut self, f: &mut dyn FnMut(&mut PlanChild)) {
        f(&mut self.left);
        f(&mut self.right);
    }

    fn for_each_expr<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        for (left, right) in &self.on {
            f(left);
            f(right);
        }
        self.filter.iter().for_each(f);
    }

    fn for_each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        for (left, right) in &mut self.on {
            f(left);
            f(right);
        }
        self.filter.iter_mut().for_each(f);
    }

    fn refresh(&mut self) -> Result<()> {
        let (left, right) = (self.left.schema(), self.right.schema());
        // The same schema stays the same one: whoever walks a plan sees that nothing changed.
        let same = |(a, nullable): (&Field, bool), b: &Field| {
            a.id() == b.id()
                && a.name() == b.name()
                && a.data_type() == b.data_type()
                && nullable == b.nullable()
                && a.qualifiers() == b.qualifiers()
        };
        let mut before = self.schema.fields().iter();
        let mut new = outputs(left, right, self.join_type);
        let all = new.all(|field| before.next().is_some_and(|before| same(field, before)));
        if !all || before.next().is_some() {
            let new = output(left, right, self.join_type);
            self.schema = Arc::new(new);
        }
        Ok(())
    }

    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_cross() {
            f.write_str("Join: type=Cross")?;
        } else {
            write!(f, "Join: type={:?}, on=[", self.join_type)?;
            let pairs = self.on.iter();
            write_list(f, pairs.map(|(l, r)| format!("({l}, {r})")))?;
            f.write_str("]")?;
        }
        if let Some(filter) = &self.filter {
            write!(f, ", filter={filter}")?;
        }
        let options = [
            ("nulls_equal", self.nulls_equal),
            ("maintain_order", self.maintain_order),
            ("sorted", self.sorted),
            ("single", self.single),
        ];
        for (name, _) in options.into_iter().filter(|(_, on)| *on) {
            write!(f, ", {name}=true")?;
        }
        match self.build {
            Some(Side::Left) => f.write_str("; build=left"),
            Some(Side::Right) => f.write_str("; build=right"),
            None => Ok(()),
        }
    }
}
