//! Ranges of sequences, first and last included: joined, cut, subtracted. No I/O.

/// First and last sequence, the first not above the last.
pub(crate) type Range = (u64, u64);

/// Sort ranges and join those that touch or overlap.
pub(crate) fn joined(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut found: Vec<Range> = Vec::new();
    for (first, last) in ranges {
        match found.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => found.push((first, last)),
        }
    }
    found
}

/// Cut ranges out of another one; what is left comes in ascending order.
///
/// `taken` may be in any order, and partly or wholly outside.
pub(crate) fn without(whole: Range, taken: &[Range]) -> Vec<Range> {
    let (mut first, last) = whole;
    let mut left = Vec::new();
    for (taken_first, taken_last) in joined(taken.to_vec()) {
        if taken_last < first {
            continue;
        }
        if taken_first > last {
            break;
        }
        if taken_first > first {
            left.push((first, taken_first - 1));
        }
        match taken_last.checked_add(1) {
            Some(next) => first = next,
            None => return left,
        }
    }
    if first <= last {
        left.push((first, last));
    }
    left
}

/// Count the sequences of a range.
pub(crate) fn size(range: Range) -> u64 {
    range.1.saturating_sub(range.0).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::{joined, without};

    #[test]
    fn ranges_that_touch_are_one() {
        let ranges = vec![(5, 6), (1, 2), (3, 4), (9, 9)];
        assert_eq!(joined(ranges), [(1, 6), (9, 9)]);
    }

    #[test]
    fn what_is_taken_is_cut_out() {
        assert_eq!(without((1, 10), &[(4, 5), (0, 1), (9, 20)]), [(2, 3), (6, 8)]);
        assert_eq!(without((1, 3), &[(0, u64::MAX)]), []);
        assert_eq!(without((1, 3), &[]), [(1, 3)]);
    }
}
