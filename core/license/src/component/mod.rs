//! May a host make this component for this camera? What a part of a pipeline needs of a licence, and whether it is there.
//!
//! Components are asked for by name, and whatever no rule names is denied, under every enforcement profile: an answer
//! about a feature that nobody sells would be no answer. What trials lack is said by their pack, and needs no rule.

mod rules;

use crate::clock::Standing;
use crate::code::Code;
use crate::decision::{Decision, Reason, Verdict};
use crate::entitlement::Table;
use crate::id::{Feature, IdError, shown};
use crate::time::UnixSeconds;
use rules::{CLASS_ALIASES, RULES, Rule};
use std::fmt;

/// A part of a camera's pipeline, as its host names it. Nothing of it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component<'a> {
    /// `source`, `processor` or `sink`.
    pub kind: &'a str,
    /// What it is called among those.
    pub subtype: &'a str,
    /// The classes that it looks for: a detector's models, or what a zone counts.
    pub classes: &'a [&'a str],
}

/// Where in a pipeline a component stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComponentKind {
    /// Frames come from it.
    Source,
    /// It makes something of frames.
    Processor,
    /// What was made goes there.
    Sink,
}

impl ComponentKind {
    /// Every kind.
    pub const ALL: [ComponentKind; 3] =
        [ComponentKind::Source, ComponentKind::Processor, ComponentKind::Sink];

    /// The name that hosts use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ComponentKind::Source => "source",
            ComponentKind::Processor => "processor",
            ComponentKind::Sink => "sink",
        }
    }
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why nothing was asked of the licence: a denial that no profile softens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// No such kind.
    #[error("{0:?} is no kind of component: source, processor or sink")]
    Kind(String),
    /// No rule for it.
    #[error(
        "no rule names the {kind} {subtype:?}: check its spelling against docs/C_ABI.md, or use a newer Brink"
    )]
    Subtype {
        /// Among which it was looked for.
        kind: ComponentKind,
        /// What it is called.
        subtype: String,
    },
    /// A class that cannot be part of a feature's name.
    #[error("{0:?} is no class: write it as the catalogue does, for example person")]
    Class(String),
    /// A detector without classes finds every one.
    #[error("the {kind} {subtype} names no class and would find all of them: name those that it looks for")]
    NoClasses {
        /// Which kind.
        kind: ComponentKind,
        /// What it is called.
        subtype: &'static str,
    },
}

impl ComponentError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            ComponentError::Kind(_) | ComponentError::Subtype { .. } => Code::UnknownComponent,
            ComponentError::Class(_) => Code::BadId,
            ComponentError::NoClasses { .. } => Code::ClassesMissing,
        }
    }
}

/// The features that a component needs beside a seat for its camera; a source needs none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs(Vec<Feature>);

impl Needs {
    /// The features, the component's own first.
    pub fn features(&self) -> impl ExactSizeIterator<Item = &Feature> {
        self.0.iter()
    }
}

impl<'a> Component<'a> {
    /// What it needs, or which of its names no rule knows.
    pub fn needs(&self) -> Result<Needs, ComponentError> {
        let rule = self.rule()?;
        if let (true, [], [subtype, ..]) = (rule.finds_classes, self.classes, rule.subtypes) {
            return Err(ComponentError::NoClasses { kind: rule.kind, subtype });
        }
        let own = rule.feature.into_iter().map(|feature| {
            let unknown = |_: IdError| unknown(rule.kind, self.subtype);
            Feature::parse(feature).map_err(unknown)
        });
        own.chain(self.classes.iter().map(|class| feature_of(class))).collect::<Result<_, _>>().map(Needs)
    }

    fn rule(&self) -> Result<&'static Rule, ComponentError> {
        let kind = ComponentKind::ALL.into_iter().find(|kind| kind.as_str() == self.kind);
        let kind = kind.ok_or_else(|| ComponentError::Kind(shown(self.kind)))?;
        let rule = RULES.iter().find(|rule| rule.kind == kind && rule.subtypes.contains(&self.subtype));
        rule.ok_or_else(|| unknown(kind, self.subtype))
    }
}

fn unknown(kind: ComponentKind, subtype: &str) -> ComponentError {
    ComponentError::Subtype { kind, subtype: shown(subtype) }
}

/// The feature of a class. Whether any pack has it is the licence's to say.
fn feature_of(class: &str) -> Result<Feature, ComponentError> {
    let alias = CLASS_ALIASES.iter().find(|(alias, _)| *alias == class);
    let class = alias.map_or(class, |(_, class)| class);
    Feature::parse(&format!("cv_models/{class}")).map_err(|_| ComponentError::Class(shown(class)))
}

/// The answer for a component as a whole: it may be made if its camera has a seat and each of its features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentDecision {
    /// The first "no", or until when all of it is "yes".
    pub decision: Decision,
    /// The feature that is missing: no pack of the licence has it, or none of the camera's. `None` where something else
    /// decided.
    pub missing: Option<Feature>,
}

impl ComponentDecision {
    /// A "no" of the gate itself.
    #[must_use]
    pub const fn refused(reason: Reason) -> Self {
        Self { decision: Decision::refused(reason), missing: None }
    }

    /// Whether it may be made.
    #[must_use]
    pub const fn allowed(&self) -> bool {
        self.decision.allowed
    }

    /// The same with one need more. Of two denials the first is told; one that the profile softens gives way to one that it
    /// does not.
    fn and(self, feature: &Feature, decision: Decision) -> Self {
        let rank = |decision: &Decision| (decision.allowed, decision.verdict == Verdict::Allow);
        match rank(&decision).cmp(&rank(&self.decision)) {
            std::cmp::Ordering::Less => {
                let lacks = matches!(decision.reason, Reason::FeatureNotLicensed | Reason::FeatureNotGranted);
                Self { decision, missing: lacks.then(|| feature.clone()) }
            }
            std::cmp::Ordering::Equal if self.decision.verdict == Verdict::Allow => {
                let until = [self.decision.until, decision.until].into_iter().flatten().min();
                let flags = self.decision.flags.with(decision.flags);
                Self { decision: Decision { until, flags, ..self.decision }, ..self }
            }
            std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => self,
        }
    }
}

impl Table {
    /// Decides every need of a component at one moment, by one table.
    #[must_use]
    pub fn decide_component(
        &self,
        standing: &Standing,
        camera: &str,
        needs: &Needs,
        now: UnixSeconds,
    ) -> ComponentDecision {
        let camera = self.camera(camera);
        let seat = ComponentDecision { decision: self.decide_seat(standing, camera, now), missing: None };
        needs.features().fold(seat, |answer, feature| {
            answer.and(feature, self.decide_at(standing, camera, self.feature(feature.as_str()), now))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn needs(kind: &str, subtype: &str, classes: &[&str]) -> Result<Vec<String>, ComponentError> {
        let needs = Component { kind, subtype, classes }.needs()?;
        Ok(needs.features().map(ToString::to_string).collect())
    }

    #[test]
    fn every_name_has_one_rule_and_every_rule_a_feature_that_can_be_asked_for() {
        let mut names = HashSet::new();
        for rule in &RULES {
            assert_eq!(rule.feature.is_none(), rule.kind == ComponentKind::Source, "{rule:?}");
            for subtype in rule.subtypes {
                assert!(names.insert((rule.kind.as_str(), *subtype)), "{subtype} has two rules");
                let classes: &[&str] = if rule.finds_classes { &["person"] } else { &[] };
                let features = needs(rule.kind.as_str(), subtype, classes).unwrap();
                assert_eq!(features.first().map(String::as_str), rule.feature);
            }
        }
        for (alias, class) in CLASS_ALIASES {
            assert_eq!(feature_of(alias), feature_of(class));
        }
    }

    #[test]
    fn classes_are_features_of_their_own_and_a_detector_has_to_name_some() {
        let wanted = ["analytics/detection", "cv_models/person", "cv_models/bike"];
        assert_eq!(needs("processor", "object_detection", &["person", "bicycle"]).unwrap(), wanted);
        assert_eq!(
            needs("processor", "line_zone", &["car"]).unwrap(),
            ["analytics/line_zone", "cv_models/car"]
        );
        for subtype in ["detection", "object_detection"] {
            let error = needs("processor", subtype, &[]).unwrap_err();
            assert_eq!(error.code(), Code::ClassesMissing);
            assert!(error.to_string().contains("names no class and would find all of them"), "{error}");
        }
        for class in ["", "Person", "person ", "cv_models/person", "pers\0n", "Active Transport", "*"] {
            let error = needs("processor", "counting", &["person", class]).unwrap_err();
            assert_eq!(error.code(), Code::BadId, "{class:?}");
        }
    }

    #[test]
    fn what_is_unknown_is_named() {
        let cases = [
            (("Source", "rtsp"), "\"Source\" is no kind of component"),
            (("sink", "rtsp"), "no rule names the sink \"rtsp\""),
            (("processor", "Advanced Analytics"), "no rule names the processor \"Advanced Analytics\""),
            (("processor", ""), "no rule names the processor \"\""),
        ];
        for ((kind, subtype), said) in cases {
            let error = needs(kind, subtype, &["person"]).unwrap_err();
            assert_eq!(error.code(), Code::UnknownComponent);
            assert!(error.to_string().starts_with(said), "{error}");
        }
    }

    /// Every name that a rule has, with its kind.
    fn names() -> Vec<(&'static str, &'static str)> {
        RULES.iter().flat_map(|rule| rule.subtypes.iter().map(|name| (rule.kind.as_str(), *name))).collect()
    }

    /// A name that a person could take for the same.
    fn misread(name: &str, way: u8) -> String {
        match way % 6 {
            0 => name.to_uppercase(),
            1 => format!("{name} "),
            2 => format!(" {name}"),
            3 => format!("{name}s"),
            4 => format!("{name}\0"),
            _ => name.replace('_', " "),
        }
    }

    proptest! {
        #[test]
        fn whatever_no_rule_names_is_refused(
            kind in prop_oneof![Just("source".to_owned()), Just("processor".into()), Just("sink".into()), ".{0,12}"],
            subtype in prop_oneof![".{0,24}", "[a-z_/ ]{0,24}"],
            (known, other) in (prop::sample::select(names()), prop::sample::select(names())),
            way in any::<u8>(),
        ) {
            let misread = (misread(known.0, way), misread(known.1, way));
            let asked = [
                (&*kind, &*subtype), (known.0, &subtype), (&kind, known.1), (known.0, &misread.1),
                (&misread.0, known.1), (other.0, known.1),
            ];
            for (kind, subtype) in asked {
                let is_known = names().contains(&(kind, subtype));
                let refused = needs(kind, subtype, &["person"]).map_err(|error| error.code());
                prop_assert_eq!(refused.is_ok(), is_known, "{:?} {:?}", kind, subtype);
                if !is_known {
                    prop_assert_eq!(refused, Err(Code::UnknownComponent));
                }
            }
        }
    }
}
