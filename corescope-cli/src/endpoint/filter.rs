//! Topic filters: `+` stands for one level, a last `#` for all that follow.

/// Whether the filter covers the topic.
pub(super) fn covers(filter: &str, topic: &str) -> bool {
    let mut topic_levels = topic.split('/');
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        if level == "#" {
            return levels.peek().is_none();
        }
        match topic_levels.next() {
            Some(found) if level == "+" || level == found => {}
            _ => return false,
        }
    }
    topic_levels.next().is_none()
}

/// Whether everything that `narrow` covers is covered by `wide` too.
pub(super) fn contains(wide: &str, narrow: &str) -> bool {
    let mut narrow_levels = narrow.split('/');
    for level in wide.split('/') {
        if level == "#" {
            return true;
        }
        match narrow_levels.next() {
            Some("#") | None => return false,
            Some(found) if level == "+" || level == found => {}
            Some(_) => return false,
        }
    }
    narrow_levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_cover_topics() {
        for (filter, topic, wanted) in [
            ("meshcore/#", "meshcore/SJC/A/packets", true),
            ("meshcore/#", "meshcore", true),
            ("meshcore/#", "other/SJC", false),
            ("meshcore/+/A/packets", "meshcore/SJC/A/packets", true),
            ("meshcore/+/A/packets", "meshcore/SJC/B/packets", false),
            ("meshcore/+", "meshcore/SJC/A", false),
            ("#", "a/b", true),
            ("a/#/b", "a/x/b", false),
            ("a", "a", true),
            ("", "", true),
        ] {
            assert_eq!(covers(filter, topic), wanted, "{filter} {topic}");
        }
    }

    #[test]
    fn filters_contain_filters() {
        for (wide, narrow, wanted) in [
            ("#", "meshcore/#", true),
            ("meshcore/#", "meshcore/+/A", true),
            ("meshcore/#", "#", false),
            ("meshcore/+/A", "meshcore/SJC/A", true),
            ("meshcore/+/A", "meshcore/+/A", true),
            ("meshcore/SJC/A", "meshcore/+/A", false),
            ("meshcore/+", "meshcore/#", false),
            ("a/b", "a", false),
        ] {
            assert_eq!(contains(wide, narrow), wanted, "{wide} {narrow}");
        }
    }
}
