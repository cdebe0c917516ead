//! Which feature each kind of component is sold as. Names are compared byte by byte: what people call a pack is in no rule.

use super::ComponentKind::{self, Processor, Sink, Source};

/// What one component needs beside a seat for its camera.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) kind: ComponentKind,
    /// What hosts call it: its name in the catalogue, and where that differs the one in pipelines.
    pub(super) subtypes: &'static [&'static str],
    /// The feature; none where the seat is enough.
    pub(super) feature: Option<&'static str>,
    /// Whether it would find every class if it named none, and so has to name those that it wants.
    pub(super) finds_classes: bool,
}

const fn seat(subtypes: &'static [&'static str]) -> Rule {
    Rule { kind: Source, subtypes, feature: None, finds_classes: false }
}

const fn processor(subtypes: &'static [&'static str], feature: &'static str) -> Rule {
    Rule { kind: Processor, subtypes, feature: Some(feature), finds_classes: false }
}

const fn sink(subtypes: &'static [&'static str], feature: &'static str) -> Rule {
    Rule { kind: Sink, subtypes, feature: Some(feature), finds_classes: false }
}

/// Every rule there is. What it does not name is denied.
pub(super) const RULES: [Rule; 27] = [
    seat(&["rtsp"]),
    seat(&["file"]),
    Rule { finds_classes: true, ..processor(&["detection", "object_detection"], "analytics/detection") },
    processor(&["tracking"], "analytics/tracking"),
    processor(&["counting"], "analytics/counting"),
    processor(&["dwell"], "analytics/dwell"),
    processor(&["heatmap"], "analytics/heatmap"),
    processor(&["direction"], "analytics/direction"),
    processor(&["speed"], "analytics/speed"),
    processor(&["privacy_mask"], "analytics/privacy_mask"),
    processor(&["line_zone", "line_zone_manager"], "analytics/line_zone"),
    processor(&["polygon_zone", "polygon_zone_manager"], "analytics/polygon_zone"),
    processor(&["near_miss"], "analytics/near_miss"),
    processor(&["interaction_time"], "analytics/interaction_time"),
    processor(&["queue_counter"], "analytics/queue_counter"),
    processor(&["object_size"], "analytics/object_size"),
    processor(&["age_gender_detection"], "analytics/age_gender_detection"),
    sink(&["file_sink", "file"], "outputs/file_sink"),
    sink(&["database_sink", "database"], "outputs/database_sink"),
    sink(&["edge_io"], "outputs/edge_io"),
    sink(&["dashboard"], "outputs/dashboard"),
    sink(&["email"], "outputs/email"),
    sink(&["webhook"], "outputs/webhook"),
    sink(&["api"], "outputs/api"),
    sink(&["sms"], "outputs/sms"),
    sink(&["cloud_export"], "outputs/cloud_export"),
    sink(&["vms_connectors"], "outputs/vms_connectors"),
];

/// Classes that models name otherwise than the catalogue does.
pub(super) const CLASS_ALIASES: [(&str, &str); 2] = [("bicycle", "bike"), ("stroller", "pram")];
