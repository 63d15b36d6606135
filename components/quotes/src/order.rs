//! Puts lists into order, with one sort for all of them. The sort of the standard library is
//! compiled anew for each type and each comparison, to 5 to 30 KB of code each time: a sixth of
//! all code of a component that sorts in two dozen places, most of them once per board.

use std::cmp::Ordering;

/// Puts `items` into order. What is equal stays in the order that it has.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// Puts `items` into the order that `compare` gives. What is equal stays in the order that it has.
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut sources = positions(items.len(), &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    rearrange(&mut sources, &mut |a, b| items.swap(a, b));
}

/// The positions of so many items, in the order that `compare` gives to items at two of them.
fn positions(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..count).collect();
    positions.sort_by(|a, b| compare(*a, *b));
    positions
}

/// Brings to each place what lies at its source, by swaps along each cycle of places.
fn rearrange(sources: &mut [usize], swap: &mut dyn FnMut(usize, usize)) {
    for start in 0..sources.len() {
        let mut place = start;
        // A place that is done is its own source.
        while let Some(source) = sources.get_mut(place) {
            let source = std::mem::replace(source, place);
            if source == start {
                break;
            }
            swap(place, source);
            place = source;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_orders_as_the_standard_library_does(numbers: Vec<(u8, u16)>) {
            let (mut ours, mut theirs) = (numbers.clone(), numbers);
            sort_by(&mut ours, |a, b| a.0.cmp(&b.0));
            theirs.sort_by_key(|(number, _)| *number);
            prop_assert_eq!(&ours, &theirs);
            sort(&mut ours);
            theirs.sort();
            prop_assert_eq!(ours, theirs);
        }
    }
}
