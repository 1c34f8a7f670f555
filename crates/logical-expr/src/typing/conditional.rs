//! The types of `CASE`, `IN` and `BETWEEN`.

use esker_datatypes::{DataType, Error, is_string, value_type};

use super::Types;
use super::operand::{boolean, common_operand_type, comparison_operand_type};
use super::operators::compare_type;
use crate::expr::Case;
use crate::function::Operand;

pub(super) fn case_type(case: &Case, children: &[Operand]) -> Types {
    let (branches, otherwise) = children.split_at(2 * case.branches.len().min(children.len() / 2));
    let mut values: Vec<Operand> = Vec::new();
    for pair in branches.chunks_exact(2) {
        let [condition, value] = pair else { continue };
        if !boolean(condition) {
            return Err(Error::type_mismatch(format!(
                "a condition of CASE is a truth value, not {}",
                condition.data_type
            )));
        }
        values.push(value.clone());
    }
    values.extend(otherwise.iter().cloned());
    let Some(common) = common_operand_type(&values) else {
        let types: Vec<String> = values.iter().map(|v| v.data_type.to_string()).collect();
        return Err(Error::type_mismatch(format!(
            "the values of CASE have no common type: {}; cast them to one",
            types.join(", ")
        )));
    };
    let mut wanted = Vec::with_capacity(children.len());
    for _ in &case.branches {
        wanted.extend([DataType::Boolean, common.clone()]);
    }
    wanted.extend(otherwise.iter().map(|_| common.clone()));
    let nullable = otherwise.is_empty() || values.iter().any(|v| v.nullable);
    Ok((wanted, common, nullable))
}

pub(super) fn in_list_type(children: &[Operand]) -> Types {
    let nullable = children.iter().any(|c| c.nullable);
    let is_text = |c: &Operand| {
        let own = value_type(&c.data_type);
        is_string(own) || (c.literal.is_some() && *own == DataType::Null)
    };
    let text = || {
        children
            .iter()
            .map(|c| value_type(&c.data_type))
            .find(|t| is_string(t))
            .cloned()
    };
    let all_text = children.iter().all(is_text).then(text).flatten();
    let common = all_text.or_else(|| comparison_operand_type(children));
    let Some(common) = common else {
        let types: Vec<String> = children.iter().map(|c| c.data_type.to_string()).collect();
        return Err(Error::type_mismatch(format!(
            "IN compares values of one type, not {}",
            types.join(", ")
        )));
    };
    Ok((vec![common; children.len()], DataType::Boolean, nullable))
}

pub(super) fn between_type(children: &[Operand]) -> Types {
    // Two comparisons, if both want the value in one type; else all three in one that holds them.
    if let [value, low, high] = children
        && let Some((below, low_type)) = compare_type(value, low)
        && let Some((above, high_type)) = compare_type(value, high)
        && below == above
    {
        let nullable = children.iter().any(|c| c.nullable);
        return Ok((
            vec![below, low_type, high_type],
            DataType::Boolean,
            nullable,
        ));
    }
    let (children_types, _, nullable) = in_list_type(children).map_err(|_| {
        let types: Vec<String> = children.iter().map(|c| c.data_type.to_string()).collect();
        Error::type_mismatch(format!(
            "BETWEEN compares values of one type, not {}",
            types.join(", ")
        ))
    })?;
    Ok((children_types, DataType::Boolean, nullable))
}
