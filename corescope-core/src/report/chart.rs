//! Small charts: bars of characters for a terminal, bars of SVG for a page.

use std::fmt::Write;

/// A bar of at most `width` characters, in eighths.
pub(super) fn bar(share: f64, width: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * (width * 8) as f64).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    bar.push_str(PARTS[eighths % 8]);
    // Whatever is there at all is seen.
    if bar.is_empty() && share > 0.0 { "▏".to_owned() } else { bar }
}

/// One line of a height for each figure, `▁` to `█`; a blank for 0.
pub(super) fn sparkline(figures: &[u64]) -> String {
    const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = figures.iter().copied().max().unwrap_or(0).max(1);
    figures
        .iter()
        .map(|figure| match figure {
            0 => ' ',
            figure => STEPS[((figure * 8).div_ceil(most) as usize).clamp(1, 8) - 1],
        })
        .collect()
}

/// Columns side by side, each with a label and a figure; the figure is told when one points at it.
pub(super) fn columns(points: &[(String, u64)], title: &str) -> String {
    const WIDTH: f64 = 720.0;
    const HEIGHT: f64 = 160.0;
    let most = points.iter().map(|(_, figure)| *figure).max().unwrap_or(0).max(1) as f64;
    let step = WIDTH / points.len().max(1) as f64;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"{}\" class=\"columns\">",
        HEIGHT + 22.0,
        escaped(title)
    );
    // A label at every so many columns, so that they do not overlap.
    let every = (points.len().max(1)).div_ceil(12);
    for (index, (label, figure)) in points.iter().enumerate() {
        let height = *figure as f64 / most * HEIGHT;
        let x = index as f64 * step;
        let _ = write!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{}: {figure}</title></rect>",
            x + step * 0.08,
            HEIGHT - height,
            step * 0.84,
            escaped(label)
        );
        if index % every == 0 {
            let middle = x + step / 2.0;
            let text = escaped(label);
            let _ = write!(
                svg,
                "<text x=\"{middle:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{text}</text>",
                HEIGHT + 16.0
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Text for use in HTML, in elements and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(bar(1.0, 4), "████");
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(0.03, 4), "▏");
        assert_eq!(bar(0.0001, 4), "▏");
        assert_eq!(bar(0.0, 4), "");
        assert_eq!(bar(7.0, 2), "██");
    }

    #[test]
    fn sparklines_show_the_least_and_the_most() {
        assert_eq!(sparkline(&[0, 1, 50, 100]), " ▁▄█");
        assert_eq!(sparkline(&[]), "");
    }

    #[test]
    fn a_page_cannot_be_broken_out_of() {
        assert_eq!(escaped("<b a='\"'>&\u{7}"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;\u{fffd}");
        let svg = columns(&[("<x>".to_owned(), 3), ("y".to_owned(), 0)], "a\"b");
        assert!(svg.contains("&lt;x&gt;: 3") && svg.contains("a&quot;b"));
    }
}
