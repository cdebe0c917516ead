use super::*;

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn point(label: &str, value: &str) -> Point {
    Point { label: label.to_owned(), value: amount(value), shaded: Amount::ZERO }
}

fn panel(shape: Shape, points: Vec<Point>) -> Panel {
    Panel {
        name: "sms".into(),
        unit: "messages".into(),
        across: "day".into(),
        sum: "sum 42".into(),
        shape,
        shaded: String::new(),
        points,
    }
}

fn chart(panels: Vec<Panel>) -> Chart {
    Chart {
        title: "Usage of tenant acme".into(),
        lines: vec!["days of Europe/Berlin".into()],
        panels,
        notes: vec!["complete: every device has told what it has".into()],
    }
}

/// A strict reader of what we write: tags that match, attributes in quotes, entities that XML has, letters that it allows.
/// Answers the text of every element, by the element's name.
fn read(svg: &str) -> Vec<(String, String)> {
    let (mut open, mut texts) = (Vec::<(String, String)>::new(), Vec::new());
    let mut rest = svg.trim_end();
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '-');
    while let Some(tag) = rest.strip_prefix('<') {
        let (tag, behind) = tag.split_once('>').unwrap();
        let (text, next) = behind.find('<').map_or((behind, ""), |at| behind.split_at(at));
        if let Some(name) = tag.strip_prefix('/') {
            let (opened, inside) = open.pop().unwrap();
            assert_eq!(opened, name);
            texts.push((opened, inside));
        } else {
            let (tag, is_closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            assert!(is_name(name), "{tag}");
            assert!(matches!(name, "svg" | "title" | "rect" | "text" | "path"), "{tag}");
            let mut attributes = attributes;
            while !attributes.trim_start().is_empty() {
                let (key, value) = attributes.trim_start().split_once("=\"").unwrap();
                assert!(is_name(key) || key == "viewBox", "{tag}");
                let (value, more) = value.split_once('"').unwrap();
                sound(value);
                assert!(!value.contains("NaN") && !value.contains("inf"), "{tag}");
                attributes = more;
            }
            if !is_closed {
                open.push((name.to_owned(), String::new()));
            }
        }
        sound(text);
        match open.last_mut() {
            Some((_, inside)) => inside.push_str(text),
            None => assert_eq!((text, next), ("", ""), "nothing behind the end"),
        }
        rest = next;
    }
    assert!(rest.is_empty() && open.is_empty(), "{rest} {open:?}");
    texts
}

fn sound(text: &str) {
    for entity in text.split('&').skip(1) {
        let (name, _) = entity.split_once(';').unwrap();
        assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "{entity}");
    }
    let is_allowed = |c: char| c == '\n' || (!c.is_control() && c != '\u{fffe}' && c != '\u{ffff}');
    assert!(text.chars().all(is_allowed) && !text.contains('>'), "{text:?}");
}

fn texts(svg: &str, of: &str) -> Vec<String> {
    read(svg).into_iter().filter(|(name, _)| name == of).map(|(_, text)| text).collect()
}

/// An attribute of every element that has it and this fill.
fn of_filled(svg: &str, fill: &str, attribute: &str) -> Vec<f64> {
    let lines = svg.lines().filter(|line| line.contains(&format!("fill=\"{fill}\"")));
    let value = |line: &str| {
        line.split_once(&format!(" {attribute}=\"")).unwrap().1.split_once('"').unwrap().0.parse()
    };
    lines.map(|line| value(line).unwrap()).collect()
}

#[test]
fn every_value_and_every_word_is_there_and_the_same_chart_is_the_same_bytes() {
    let points = vec![point("2026-03-01", "12.5"), point("2026-03-02", "0"), point("2026-03-03", "29.5")];
    let chart = chart(vec![panel(Shape::Bars, points.clone()), panel(Shape::Steps, points)]);
    let svg = chart.svg();
    assert_eq!(svg, chart.clone().svg());
    let titles = texts(&svg, "title");
    for said in ["Usage of tenant acme", "2026-03-01: 12.5", "2026-03-02: 0", "2026-03-03: 29.5"] {
        assert!(titles.iter().any(|title| title == said), "{said} in {titles:?}");
    }
    let lines = texts(&svg, "text");
    for said in [
        "Usage of tenant acme",
        "days of Europe/Berlin",
        "sms",
        "messages",
        "day",
        "sum 42",
        "2026-03-01",
        "10",
        "complete: every device has told what it has",
    ] {
        assert!(lines.iter().any(|line| line == said), "{said} in {lines:?}");
    }
    for word in ["script", "href", "style", "@import", "<image", "<!"] {
        assert!(!svg.contains(word), "{word}");
    }
}

#[test]
fn nothing_of_a_hostile_name_breaks_out() {
    let hostile = "</text></svg><script>alert(1)</script>\" onload=\"x' & &amp; <![CDATA[ ]]> \u{0}\u{b}\u{202e}\u{ffff}";
    let mut evil = panel(Shape::Steps, vec![point(hostile, "1"), point(&hostile.repeat(40), "2")]);
    for text in [&mut evil.name, &mut evil.unit, &mut evil.across, &mut evil.sum, &mut evil.shaded] {
        *text = hostile.to_owned();
    }
    let chart = Chart {
        title: hostile.repeat(3),
        lines: vec![hostile.into(), "x".repeat(1000)],
        panels: vec![evil.clone(), Panel { shape: Shape::Bars, ..evil }],
        notes: vec![hostile.into()],
    };
    let svg = chart.svg();
    let elements = read(&svg);
    assert!(elements.iter().all(|(name, _)| name != "script"));
    assert!(!svg.contains("<script") && !svg.contains("onload=\"") && !svg.contains("<!["));
    let longest = texts(&svg, "text").iter().map(|line| line.chars().count()).max().unwrap();
    assert!(longest < 600, "what is escaped is at most five times as long: {longest}");
}

#[test]
fn what_is_below_zero_hangs_below_it_in_another_colour() {
    let svg = chart(vec![panel(Shape::Bars, vec![point("a", "-3"), point("b", "6")])]).svg();
    read(&svg);
    let (below, above) = (of_filled(&svg, BELOW_ZERO, "y")[0], of_filled(&svg, DRAWN, "y")[0]);
    let heights = [BELOW_ZERO, DRAWN].map(|fill| of_filled(&svg, fill, "height")[0]);
    assert!((below - above - heights[1]).abs() < 0.2, "both begin at zero");
    assert!((heights[1] / heights[0] - 2.0).abs() < 0.01, "{heights:?}");
    assert!(texts(&svg, "title").contains(&"a: -3".to_owned()));
}

#[test]
fn one_point_no_point_and_no_usage_are_drawn() {
    let one = chart(vec![panel(Shape::Bars, vec![point("2026-03-01", "7")])]).svg();
    assert!(texts(&one, "title").contains(&"2026-03-01: 7".to_owned()));
    assert_eq!(of_filled(&one, DRAWN, "width"), [80.0]);
    for shape in [Shape::Bars, Shape::Steps] {
        read(&chart(vec![panel(shape, Vec::new())]).svg());
        let none = chart(vec![panel(shape, vec![point("a", "0"), point("b", "0")])]).svg();
        assert!(texts(&none, "title").contains(&"b: 0".to_owned()));
        assert!(of_filled(&none, DRAWN, "height").iter().all(|height| *height == 0.0));
    }
    assert!(texts(&chart(Vec::new()).svg(), "text").len() == 3);
    let units = 10i128.pow(38) - 1;
    let largest = ["", "-"].map(|sign| {
        let value = Amount::of_units(if sign.is_empty() { units } else { -units }).unwrap();
        Point { label: sign.to_owned(), value, shaded: Amount::ZERO }
    });
    read(&chart(vec![panel(Shape::Steps, largest.to_vec())]).svg());
}

#[test]
fn of_ten_thousand_points_neighbours_are_one_and_the_panel_says_so() {
    let points = |shape| {
        let points =
            (0..10_000).map(|nth| point(&format!("p{nth:05}"), if nth % 25 == 3 { "2" } else { "1" }));
        chart(vec![panel(shape, points.collect())]).svg()
    };
    let (bars, steps) = (points(Shape::Bars), points(Shape::Steps));
    for (svg, value, how) in [(&bars, "26", "the sum of"), (&steps, "2", "the highest of")] {
        assert!(svg.len() < 100_000, "{}", svg.len());
        let titles = texts(svg, "title");
        assert_eq!(titles.len(), 1 + 400);
        assert!(titles.contains(&format!("p00025 to p00049: {value}")), "{titles:?}");
        let lines = texts(svg, "text");
        let said = lines.iter().find(|line| line.contains("10000 of them drawn as 400")).unwrap();
        assert!(said.contains(how) && said.ends_with("25 each"), "{said}");
        assert!(lines.len() < 40, "as many names as have room");
        assert!(lines.contains(&"p00000".to_owned()), "the first of those that are one: {lines:?}");
    }
}

#[test]
fn the_free_part_is_shaded_and_said() {
    let shaded = |value, shaded| Point { shaded: amount(shaded), ..point("2026-03-01", value) };
    let steps = Panel {
        shaded: "free by the trial".into(),
        ..panel(Shape::Steps, vec![shaded("5", "2"), shaded("1", "2"), shaded("3", "0")])
    };
    let svg = chart(vec![steps]).svg();
    let heights = of_filled(&svg, SHADED, "height");
    assert_eq!(heights.len(), 2);
    assert!(texts(&svg, "title").contains(&"2026-03-01: 5 (shaded 2)".to_owned()));
    assert!(texts(&svg, "text").contains(&"shaded: free by the trial".to_owned()));
}
