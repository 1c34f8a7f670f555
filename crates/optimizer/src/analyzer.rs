//! What the plan left unsaid: the casts that typing asks for (S4).

use esker_datatypes::{ColumnId, DataType, Field, Result, ScalarValue, Schema, value_type};
use esker_logical_expr::tree::Transformed;
use esker_logical_expr::{Cast, CastMode, Expr, coerce, expr_type};
use esker_logical_plan::{
    Join, LogicalPlan, PlanChild, PlanNode, Projection, Union, check_invariants, join_key_type,
};

use crate::expressions::{compare_as_they_are, input_schema};

/// Makes plans explicit: after it each operand has the type that its operator takes, each predicate
/// is a `Boolean`, and each input of a union has the union's types.
#[derive(Clone, Copy, Debug)]
pub struct Analyzer;

impl Analyzer {
    /// The same plan with all casts written out.
    ///
    /// ```text
    /// Projection: #price * 2            Projection: #price * 2.0
    /// Filter: #small < #large           Filter: CAST(#small AS Int64) < #large
    /// Union                             Union
    ///     Scan: ints                        Projection: CAST(#x AS Float64)
    ///     Scan: floats                          Scan: ints
    ///                                       Scan: floats
    /// ```
    ///
    /// # Errors
    /// `Evaluation` for a literal that does not fit the type it must take, `Internal` for a plan
    /// that is not well-formed.
    pub fn analyze(plan: LogicalPlan) -> Result<LogicalPlan> {
        let analyzed = plan.transform_up(|node| {
            let origin = node.origin();
            analyze_node(node).map_err(|error| match origin {
                Some(origin) => origin.annotate(error),
                None => error,
            })
        })?;
        check_invariants(&analyzed.data)?;
        Ok(analyzed.data)
    }
}

fn analyze_node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = input_schema(&node);
    match node {
        LogicalPlan::Union(union) => align(union),
        LogicalPlan::Filter(_) | LogicalPlan::Scan(_) => {
            node.map_exprs(|predicate| coerce_predicate(predicate, &schema))
        }
        LogicalPlan::Join(join) => coerce_join(join, &schema),
        LogicalPlan::Projection(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::Shared(_)
        | LogicalPlan::Extension(_) => node.map_exprs(|expr| coerce(expr, &schema)),
    }
}

/// A predicate as a plain `Boolean`: a null and a dictionary of truth values are cast.
fn coerce_predicate(predicate: Expr, schema: &Schema) -> Result<Transformed<Expr>> {
    let coerced = coerce(predicate, schema)?;
    let data_type = expr_type(&coerced.data, schema)?.data_type;
    if data_type == DataType::Boolean {
        return Ok(coerced);
    }
    Ok(Transformed::yes(match coerced.data {
        Expr::Literal(value) if value.is_null() => Expr::Literal(ScalarValue::from(None::<bool>)),
        expr => cast(expr, &DataType::Boolean),
    }))
}

/// Casts the keys of a join to the type in which they are compared. Text and binary compare in any
/// layout, and encodings are no types.
fn coerce_join(join: Join, schema: &Schema) -> Result<Transformed<LogicalPlan>> {
    let origin = join.origin();
    let mut changed = false;
    let mut on = Vec::with_capacity(join.on().len());
    for (left, right) in join.on() {
        let left = coerce(left.clone(), schema)?;
        let right = coerce(right.clone(), schema)?;
        changed |= left.changed | right.changed;
        let (mut left, mut right) = (left.data, right.data);
        let l = expr_type(&left, schema)?.data_type;
        let r = expr_type(&right, schema)?.data_type;
        let (l, r) = (value_type(&l), value_type(&r));
        if !compare_as_they_are(l, r)
            && let Some(common) = join_key_type(l, r)
        {
            let mut to_common = |expr: &mut Expr, from: &DataType| {
                if *from != common {
                    *expr = cast(expr.clone(), &common);
                    changed = true;
                }
            };
            to_common(&mut left, l);
            to_common(&mut right, r);
        }
        on.push((left, right));
    }
    let filter = join.filter().cloned();
    let filter = filter.map(|f| coerce_predicate(f, schema)).transpose()?;
    changed |= filter.as_ref().is_some_and(|f| f.changed);
    let join = join.with_condition(on, filter.map(|f| f.data));
    Ok(Transformed {
        data: LogicalPlan::Join(join).with_origin(origin),
        changed,
    })
}

fn cast(expr: Expr, to: &DataType) -> Expr {
    Expr::Cast(Cast {
        expr: expr.into(),
        to: to.clone(),
        mode: CastMode::Strict,
    })
}

/// Casts the inputs of a union to its types.
fn align(union: Union) -> Result<Transformed<LogicalPlan>> {
    let (inputs, schema, origin) = union.into_parts();
    let fits = |input: &PlanChild| {
        let pairs = schema.fields().iter().zip(input.schema().fields());
        pairs
            .into_iter()
            .all(|(to, from)| to.data_type() == from.data_type())
    };
    let changed = !inputs.iter().all(fits);
    let aligned = |input: PlanChild| -> Result<PlanChild> {
        if fits(&input) {
            return Ok(input);
        }
        let pairs = schema.fields().iter().zip(input.schema().fields());
        let (exprs, fields): (Vec<Expr>, Vec<Field>) = pairs
            .map(|(to, from)| aligned_column(from, to.data_type()))
            .unzip();
        let projection = Projection::from_parts(exprs, Schema::new(fields).into(), input)?;
        Ok(LogicalPlan::Projection(projection)
            .with_origin(origin)
            .into())
    };
    let inputs = inputs.into_iter().map(aligned).collect::<Result<_>>()?;
    let union = LogicalPlan::Union(Union::from_parts(inputs, schema)).with_origin(origin);
    Ok(Transformed {
        data: union,
        changed,
    })
}

/// A column as another type; a new column unless it has that type already.
fn aligned_column(from: &Field, to: &DataType) -> (Expr, Field) {
    let column = Expr::column(from);
    if from.data_type() == to {
        return (column, from.clone());
    }
    let field = from
        .clone()
        .with_id(ColumnId::fresh())
        .with_type(to.clone());
    (cast(column, to), field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{filter, project, scan, scan_of, union};
    use esker_datatypes::ErrorKind;
    use esker_logical_expr::{col, lit};
    use esker_logical_plan::FilterPushdown;

    fn check(plan: LogicalPlan) -> String {
        Analyzer::analyze(plan).unwrap().to_string()
    }

    #[test]
    fn operands_get_their_types() {
        let plan = project(
            filter(scan("t"), col("d").lt(col("a"))),
            [col("d") / 2, col("f") * 2],
        );
        insta::assert_snapshot!(check(plan), @r"
        Projection: CAST(#d AS Float64) / 2.0, #f * 2.0
            Filter: CAST(#d AS Int64) < #a
                Scan: t; projection=None
        ");
    }

    #[test]
    fn predicates_become_plain_truth_values() {
        let coded = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Boolean));
        let schema = Schema::new(vec![Field::new("p", coded, true)]);
        let plan = filter(
            scan_of("t", schema, |_| FilterPushdown::Unsupported),
            col("p"),
        );
        let plan = filter(plan, lit(ScalarValue::null(&DataType::Null)));
        insta::assert_snapshot!(check(plan), @r"
        Filter: Boolean(NULL)
            Filter: CAST(#p AS Boolean)
                Scan: t; projection=None
        ");
    }

    #[test]
    fn only_the_inputs_of_a_union_that_differ_are_cast() {
        let ints = project(scan("t"), [col("a").alias("x"), col("s")]);
        let small = project(scan("u"), [col("d").alias("x"), col("s")]);
        let plan = Analyzer::analyze(union([ints, small])).unwrap();
        insta::assert_snapshot!(plan, @r"
        Union
            Projection: #a as x, #s
                Scan: t; projection=None
            Projection: CAST(#x AS Int64), #s
                Projection: #d as x, #s
                    Scan: u; projection=None
        ");
        insta::assert_snapshot!(check(plan.clone()), @r"
        Union
            Projection: #a as x, #s
                Scan: t; projection=None
            Projection: CAST(#x AS Int64), #s
                Projection: #d as x, #s
                    Scan: u; projection=None
        ");
    }

    #[test]
    fn a_column_that_is_not_resolved_is_our_mistake() {
        let input = scan("t");
        let field = Field::new("a", DataType::Int64, true);
        let schema = Schema::new(vec![field]).into();
        let plan = Projection::from_parts(vec![col("a")], schema, input.into()).unwrap();
        let error = Analyzer::analyze(LogicalPlan::Projection(plan)).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Internal { .. }),
            "{error}"
        );
    }
}
