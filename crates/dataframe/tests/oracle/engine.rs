//! Plans and expressions as calls of the facade.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use esker_dataframe::prelude::{self as esker, *};
use esker_logical_plan::MemTable;

use super::expr::{AggFn, ArithOp, CmpOp, Expr, Function, Test};
use super::plan::{self, Grouping, JoinKind, Plan};
use super::settings::Setting;
use super::table::{Table, TableColumn, array};
use super::types::Type;
use super::value::Value;

/// Frames of tables; each is made once, so that plans that scan a table twice share its columns.
pub(crate) fn open(tables: &[Table], setting: Setting) -> Result<Vec<DataFrame>> {
    let context = setting.context();
    let frame = |table: &Table| {
        let source = MemTable::with_schema(table.schema(), table.to_batches())?;
        let source = source.with_split_rows(setting.batch_size);
        Ok(context.from_source(&table.name, Arc::new(source)))
    };
    tables.iter().map(frame).collect()
}

/// Runs a plan over tables; a panic is an `Internal` error.
pub(crate) fn run(plan: &Plan, tables: &[Table], setting: Setting) -> Result<esker::Table> {
    caught(|| collect(&to_frame(plan, &open(tables, setting)?)))
}

/// Counts the rows of a plan: no column is wanted.
pub(crate) fn count(plan: &Plan, tables: &[Table], setting: Setting) -> Result<u64> {
    caught(|| to_frame(plan, &open(tables, setting)?).count())
}

fn caught<T>(attempt: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Err(Error::new(ErrorKind::Internal {
            message: format!("panic: {}", text.unwrap_or_default()),
        }))
    })
}

/// The rows of a frame, once they are seen to be of the types that the plan promised, without nulls
/// where it promised none.
fn collect(frame: &DataFrame) -> Result<esker::Table> {
    let planned = frame.schema()?;
    let table = frame.collect()?;
    let broken = |message: String| Err(Error::new(ErrorKind::Internal { message }));
    for batch in table.batches() {
        if batch.schema().fields() != planned.fields() {
            return broken(format!("planned {planned}, delivered {}", batch.schema()));
        }
        for (field, column) in planned.fields().iter().zip(batch.columns()) {
            if !field.is_nullable() && column.logical_null_count() > 0 {
                return broken(format!("{field} holds nulls"));
            }
        }
    }
    Ok(table)
}

/// The frame of a plan. Shared plans are built once.
pub(crate) fn to_frame(plan: &Plan, tables: &[DataFrame]) -> DataFrame {
    frame(plan, tables, &mut Vec::new())
}

type Built = Vec<(Rc<Plan>, DataFrame)>;

fn below(plan: &Rc<Plan>, tables: &[DataFrame], built: &mut Built) -> DataFrame {
    if let Some((_, frame)) = built.iter().find(|(other, _)| Rc::ptr_eq(other, plan)) {
        return frame.clone();
    }
    let frame = frame(plan, tables, built);
    built.push((Rc::clone(plan), frame.clone()));
    frame
}

fn frame(plan: &Plan, tables: &[DataFrame], built: &mut Built) -> DataFrame {
    match plan {
        Plan::Scan(at) => tables[*at].clone(),
        Plan::Filter(input, predicate) => below(input, tables, built).filter(to_expr(predicate)),
        Plan::Select(input, exprs) => below(input, tables, built).select(named(exprs)),
        Plan::WithColumn(input, name, expr) => {
            below(input, tables, built).with_column(name.as_str(), to_expr(expr))
        }
        Plan::Slice(input, 0, Some(rows)) => below(input, tables, built).limit(*rows),
        Plan::Slice(input, offset, rows) => below(input, tables, built).slice(*offset, *rows),
        Plan::Union(left, right) => {
            let left = below(left, tables, built);
            left.union(&below(right, tables, built))
        }
        Plan::Sort(input, keys, rows) => {
            let keys = keys.iter().map(sort_key);
            let input = below(input, tables, built);
            match rows {
                Some(rows) => input.top_k(*rows, keys),
                None => input.sort(keys),
            }
        }
        Plan::Distinct(input, on, options) => {
            let input = below(input, tables, built);
            match on {
                None if *options == Grouping::default() => input.distinct(),
                Some(on) if *options == Grouping::default() => input.distinct_on(on),
                on => {
                    let distinct = on.as_ref().map_or_else(Distinct::all, Distinct::on);
                    let distinct = distinct.maintain_order(options.maintain_order);
                    input.distinct_with(distinct.sorted(options.sorted))
                }
            }
        }
        Plan::Aggregate(input, keys, aggs, options) => {
            let input = below(input, tables, built);
            if keys.is_empty() {
                return input.agg(named(aggs));
            }
            let groups = input.group_by(named(keys));
            let groups = groups.maintain_order(options.maintain_order);
            groups.sorted(options.sorted).agg(named(aggs))
        }
        Plan::Join(left, right, options) => {
            let left = below(left, tables, built);
            left.join(&below(right, tables, built), join(options))
        }
        Plan::Cross(left, right) => {
            let left = below(left, tables, built);
            left.cross_join(&below(right, tables, built))
        }
        Plan::Broadcast(left, right) => {
            let left = below(left, tables, built);
            left.broadcast(&below(right, tables, built))
        }
    }
}

fn named(exprs: &[(String, Expr)]) -> Vec<esker::Expr> {
    let named = |(name, expr): &(String, Expr)| match expr {
        Expr::Col(own) if own == name => col(own.as_str()),
        expr => to_expr(expr).alias(name.as_str()),
    };
    exprs.iter().map(named).collect()
}

fn sort_key(key: &plan::SortKey) -> SortKey {
    let expr = to_expr(&key.expr);
    let sorted = if key.descending {
        expr.desc()
    } else {
        expr.asc()
    };
    if key.nulls_first {
        sorted.nulls_first()
    } else {
        sorted
    }
}

fn join(options: &plan::Join) -> Join {
    let join = match options.kind {
        JoinKind::Inner => Join::inner(),
        JoinKind::Left => Join::left(),
        JoinKind::Right => Join::right(),
        JoinKind::Full => Join::full(),
        JoinKind::Semi => Join::semi(),
        JoinKind::Anti => Join::anti(),
    };
    let mut join = join
        .left_on(options.on.iter().map(|(left, _)| to_expr(left)))
        .right_on(options.on.iter().map(|(_, right)| to_expr(right)))
        .suffix(options.suffix.as_str())
        .coalesce(options.coalesce)
        .nulls_equal(options.nulls_equal)
        .maintain_order(options.maintain_order)
        .sorted(options.sorted);
    if let Some(filter) = &options.filter {
        join = join.filter(to_expr(filter));
    }
    join
}

/// A value of a type.
pub(crate) fn literal(value: &Value, data_type: Type) -> ScalarValue {
    let column = TableColumn::new("", data_type);
    ScalarValue::from_array(array(&column, std::slice::from_ref(value)).as_ref(), 0).unwrap()
}

/// The call of a function of one value.
fn called(function: Function, arg: esker::Expr) -> esker::Expr {
    match function {
        Function::Upper => arg.str().upper(),
        Function::Strip => arg.str().strip(),
        Function::LenChars => arg.str().len_chars(),
        Function::Slice(start, end) => arg.str().slice(start, end),
        Function::Contains(text) => arg.str().contains(text),
        Function::StartsWith(text) => arg.str().starts_with(text),
        Function::Like(pattern) => arg.str().like(pattern),
        Function::Year => arg.dt().year(),
        Function::Month => arg.dt().month(),
        Function::DayOfYear => arg.dt().day_of_year(),
        Function::AddDays(days) => arg.dt().add_days(days),
        Function::AddMonths(months) => arg.dt().add_months(months),
    }
}

/// The expression as the engine has it.
pub(crate) fn to_expr(expr: &Expr) -> esker::Expr {
    let list = |list: &[Expr]| list.iter().map(to_expr).collect::<Vec<_>>();
    match expr {
        Expr::Col(name) => col(name.as_str()),
        Expr::Lit(value, data_type) => lit(literal(value, *data_type)),
        Expr::Arith(op, left, right) => {
            let (left, right) = (to_expr(left), to_expr(right));
            match op {
                ArithOp::Add => left + right,
                ArithOp::Sub => left - right,
                ArithOp::Mul => left * right,
                ArithOp::Div => left / right,
                ArithOp::Rem => left % right,
                ArithOp::FloorDiv => left.floor_div(right),
                ArithOp::FloorMod => left.floor_mod(right),
            }
        }
        Expr::Neg(arg) => -to_expr(arg),
        Expr::Abs(arg) => to_expr(arg).abs(),
        Expr::Call(function, arg) => called(*function, to_expr(arg)),
        Expr::Cmp(op, left, right) => {
            let (left, right) = (to_expr(left), to_expr(right));
            match op {
                CmpOp::Eq => left.eq(right),
                CmpOp::NotEq => left.neq(right),
                CmpOp::Lt => left.lt(right),
                CmpOp::LtEq => left.lt_eq(right),
                CmpOp::Gt => left.gt(right),
                CmpOp::GtEq => left.gt_eq(right),
            }
        }
        Expr::And(left, right) => to_expr(left) & to_expr(right),
        Expr::Or(left, right) => to_expr(left) | to_expr(right),
        Expr::Not(arg) => !to_expr(arg),
        Expr::Is(test, arg) => {
            let arg = to_expr(arg);
            match test {
                Test::Null => arg.is_null(),
                Test::NotNull => arg.is_not_null(),
                Test::True => arg.is_true(),
                Test::False => arg.is_false(),
                Test::Nan => arg.is_nan(),
            }
        }
        Expr::In(arg, members, false) => to_expr(arg).is_in(list(members)),
        Expr::In(arg, members, true) => to_expr(arg).not_in(list(members)),
        Expr::Between(parts, negated) => {
            let [arg, low, high] = (**parts).each_ref().map(to_expr);
            match negated {
                false => arg.between(low, high),
                true => arg.not_between(low, high),
            }
        }
        Expr::Case(branches, otherwise) => {
            let mut pairs = branches.iter();
            let mut case = match pairs.next() {
                Some((condition, then)) => when(to_expr(condition)).then(to_expr(then)),
                None => when(lit(true)).then(lit(ScalarValue::null(&DataType::Null))),
            };
            for (condition, then) in pairs {
                case = case.when(to_expr(condition)).then(to_expr(then));
            }
            match otherwise {
                Some(otherwise) => case.otherwise(to_expr(otherwise)),
                None => case.end(),
            }
        }
        Expr::Coalesce(values) => coalesce(list(values)),
        Expr::Cast(arg, to, false) => to_expr(arg).cast(to.to_arrow()),
        Expr::Cast(arg, to, true) => to_expr(arg).try_cast(to.to_arrow()),
        Expr::Agg(function, arg) => aggregate(*function, arg.as_deref().map(to_expr)),
    }
}

fn aggregate(function: AggFn, arg: Option<esker::Expr>) -> esker::Expr {
    let arg = arg.unwrap_or_else(|| lit(1));
    match function {
        AggFn::Len => len(),
        AggFn::Sum => arg.sum(),
        AggFn::Min => arg.min(),
        AggFn::Max => arg.max(),
        AggFn::Mean => arg.mean(),
        AggFn::Var => arg.var(),
        AggFn::Std => arg.std(),
        AggFn::Quantile(50) => arg.median(),
        AggFn::Quantile(share) => arg.quantile(f64::from(share) / 100.0),
        AggFn::Count(nulls) => Count::new().nulls(nulls).of(arg),
        AggFn::NUnique(nulls) => NUnique::new().nulls(nulls).of(arg),
        AggFn::First(ignores) => First::new().ignore_nulls(ignores).of(arg),
        AggFn::Last(ignores) => Last::new().ignore_nulls(ignores).of(arg),
    }
}
