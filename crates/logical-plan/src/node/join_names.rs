//! The columns of a join as its user sees them: keys once, equal names apart.

use std::collections::HashMap;

use esker_datatypes::{ColumnId, Error, Field, Name, Result, Schema};
use esker_logical_expr::{Case, Expr, expr_field, resolve};

use super::join::{Join, JoinType};
use super::projection::{Projection, apart};
use crate::plan::LogicalPlan;

/// What is asked of a join.
#[derive(Clone, Debug)]
pub struct JoinOptions {
    /// Which rows are in the result.
    pub join_type: JoinType,
    /// Pairs of a left and a right key.
    pub on: Vec<(Expr, Expr)>,
    /// What else must be true of a pair: an expression over the columns of both sides, the right
    /// ones under the names that they have in the result.
    pub filter: Option<Expr>,
    /// What is put behind a right column's name when the left side has the same.
    pub suffix: Name,
    /// Whether key columns that have the same name on both sides become one.
    pub coalesce: bool,
    /// Null keys equal each other.
    pub nulls_equal: bool,
    /// The rows come in the order of the left rows, then of the right ones.
    pub maintain_order: bool,
    /// Both inputs are sorted by the keys; verified while running (S16).
    pub sorted: bool,
    /// The right side must not have more than one row.
    pub single: bool,
}

impl JoinOptions {
    /// A join of this type without keys: the suffix is `_right`, keys of the same name become one.
    pub fn new(join_type: JoinType) -> Self {
        Self {
            join_type,
            on: Vec::new(),
            filter: None,
            suffix: Name::from("_right"),
            coalesce: true,
            nulls_equal: false,
            maintain_order: false,
            sorted: false,
            single: false,
        }
    }
}

/// The join of two relations, its columns named for a user.
///
/// All left columns, then all right ones. A key that is a column of the same name on both sides is
/// there once (unless `coalesce` is off), answers to the qualifiers of both, and holds the value of
/// the side that has one. Where both columns are qualified, other equal names stay apart by their
/// qualifiers; else the right one gets the suffix. A right side that shares columns with the left
/// one (a self-join) gets columns of its own.
///
/// # Errors
/// Those of [`Join::try_new`]; `InvalidInput` when two columns have the same name all the same.
pub fn join_plan(
    left: LogicalPlan,
    right: LogicalPlan,
    options: JoinOptions,
) -> Result<LogicalPlan> {
    let right = if left.shares_columns_with(&right) {
        right.with_fresh_ids()?
    } else {
        right
    };
    let on = options.on.into_iter().map(|(l, r)| {
        let pair = (resolve(l, left.schema())?, resolve(r, right.schema())?);
        Ok(pair)
    });
    let on = on.collect::<Result<Vec<_>>>()?;
    let named = Names::new(
        left.schema(),
        right.schema(),
        &on,
        options.coalesce,
        &options.suffix,
    );
    let filter = options.filter.map(|f| resolve(f, &named.for_filter()));
    let filter = filter.transpose()?;
    let join_type = options.join_type;
    let join = Join::try_new(left, right, join_type, on, filter)?
        .with_nulls_equal(options.nulls_equal)
        .with_maintain_order(options.maintain_order)
        .with_sorted(options.sorted)
        .with_single(options.single);
    let changes_nothing = named.columns.iter().all(Named::is_unchanged);
    let plan = LogicalPlan::Join(join);
    if join_type.is_left_only() || changes_nothing {
        return Ok(plan);
    }
    let columns = named.columns.iter();
    let columns = columns.map(|column| column.output(join_type, plan.schema()));
    let (exprs, fields): (Vec<Expr>, Vec<Field>) =
        columns.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    Projection::of_fields(exprs, fields, plan).map(LogicalPlan::Projection)
}

/// The columns of a join's result.
struct Names {
    columns: Vec<Named>,
}

/// A column of the result and where it comes from.
enum Named {
    /// A column of one side, perhaps under another name.
    Single { field: Field, name: Name },
    /// A key of both sides.
    Key { left: Field, right: Field },
}

impl Names {
    fn new(
        left: &Schema,
        right: &Schema,
        on: &[(Expr, Expr)],
        coalesce: bool,
        suffix: &str,
    ) -> Self {
        let mut keys: HashMap<ColumnId, &Field> = HashMap::new();
        let mut merged: Vec<ColumnId> = Vec::new();
        let pairs = on.iter().filter(|_| coalesce);
        for (l, r) in pairs.filter_map(|(l, r)| Some((l.as_column()?, r.as_column()?))) {
            if let (Some(l), Some(r)) = (left.field_of(l), right.field_of(r))
                && l.name() == r.name()
                && !keys.contains_key(&l.id())
                && !merged.contains(&r.id())
            {
                keys.insert(l.id(), r);
                merged.push(r.id());
            }
        }
        let mut columns: Vec<Named> = Vec::with_capacity(left.len() + right.len());
        for field in left.fields() {
            columns.push(match keys.get(&field.id()) {
                Some(right) => Named::Key {
                    left: field.clone(),
                    right: (*right).clone(),
                },
                None => Named::unchanged(field),
            });
        }
        let others = right.fields().iter();
        for field in others.filter(|f| !merged.contains(&f.id())) {
            let same = left.named(field.name()).iter();
            let mut same = same.filter_map(|&at| left.field(at));
            let clashes = same.any(|l| !apart(l, field));
            columns.push(if clashes {
                Named::Single {
                    name: format!("{}{suffix}", field.name()).into(),
                    field: field.clone(),
                }
            } else {
                Named::unchanged(field)
            });
        }
        Self { columns }
    }

    /// The names that a condition on both sides may use; a key of both means the left one.
    fn for_filter(&self) -> Schema {
        let field = |column: &Named| match column {
            Named::Single { field, name } => field.clone().with_name(name.clone()),
            Named::Key { left, right } => qualified_by_both(left.clone(), left, right),
        };
        self.columns.iter().map(field).collect()
    }
}

impl Named {
    fn unchanged(field: &Field) -> Self {
        Self::Single {
            name: field.name().clone(),
            field: field.clone(),
        }
    }

    fn is_unchanged(&self) -> bool {
        match self {
            Self::Single { field, name } => field.name() == name,
            Self::Key { .. } => false,
        }
    }

    /// What computes the column from those of the join, and the column.
    fn output(&self, join_type: JoinType, schema: &Schema) -> Result<(Expr, Field)> {
        let of_join = |field: &Field| {
            schema.field_of(field.id()).cloned().ok_or_else(|| {
                Error::internal(format!("a join without its column '{}'", field.name()))
            })
        };
        Ok(match self {
            Self::Single { field, name } => {
                let field = of_join(field)?;
                if field.name() == name {
                    (Expr::column(&field), field)
                } else {
                    let expr = Expr::column(&field).alias(name.clone());
                    let renamed =
                        Field::new(name.clone(), field.data_type().clone(), field.nullable());
                    (expr, renamed.with_qualifiers(field.qualifiers()))
                }
            }
            Self::Key { left, right } => {
                let (left, right) = (of_join(left)?, of_join(right)?);
                match join_type {
                    JoinType::Right => {
                        let field = qualified_by_both(right.clone(), &left, &right);
                        (Expr::column(&right), field)
                    }
                    JoinType::Full => coalesced(&left, &right, schema)?,
                    JoinType::Inner | JoinType::Left | JoinType::Semi | JoinType::Anti => {
                        let field = qualified_by_both(left.clone(), &left, &right);
                        (Expr::column(&left), field)
                    }
                }
            }
        })
    }
}

/// The left key, or the right one where there is no left row.
fn coalesced(left: &Field, right: &Field, schema: &Schema) -> Result<(Expr, Field)> {
    let has_left = Expr::column(left).is_not_null();
    let case = Expr::Case(Case {
        branches: vec![(has_left.into(), Expr::column(left).into())],
        otherwise: Some(Expr::column(right).into()),
    });
    let expr = case.alias(left.name().clone());
    let field = qualified_by_both(expr_field(&expr, schema)?, left, right);
    Ok((expr, field))
}

/// The field, answering to the qualifiers of both sides.
fn qualified_by_both(field: Field, left: &Field, right: &Field) -> Field {
    let mut qualifiers = left.qualifiers().to_vec();
    for qualifier in right.qualifiers() {
        if !qualifiers.contains(qualifier) {
            qualifiers.push(qualifier.clone());
        }
    }
    field.with_qualifiers(qualifiers)
}
