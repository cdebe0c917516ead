//! The question of a component factory. It is asked when a pipeline is put together, by names and with allocations; what
//! was made asks for its features by handle, frame by frame.

use super::Gate;
use super::handles::{FeatureHandle, HandleError};
use super::slot::GateRef;
use brink_license::{Component, ComponentDecision, ComponentError, Needs, Reason};

/// May this component be made for this camera now? A host that has no gate is denied: that nobody is there to ask has
/// never been a "yes". What no rule names is an error, and an error allows nothing.
pub fn component_allowed(
    gate: Option<&Gate>,
    camera: &str,
    component: &Component<'_>,
) -> Result<ComponentDecision, ComponentError> {
    let needs = component.needs()?;
    Ok(gate.map_or(ComponentDecision::refused(Reason::NeedsReopen), |gate| {
        gate.here.check_component(camera, &needs)
    }))
}

impl Gate {
    /// May this component be made for this camera now? See [`component_allowed`].
    pub fn check_component(
        &self,
        camera: &str,
        component: &Component<'_>,
    ) -> Result<ComponentDecision, ComponentError> {
        component_allowed(Some(self), camera, component)
    }
}

impl GateRef {
    /// Whether the camera has a seat and all that a component needs, by one bundle and at one moment.
    #[must_use]
    pub fn check_component(self, camera: &str, needs: &Needs) -> ComponentDecision {
        let decided = self.at_once(|snapshot, now| {
            snapshot.table().decide_component(snapshot.standing(), camera, needs, now)
        });
        decided.unwrap_or(ComponentDecision::refused(Reason::NeedsReopen))
    }

    /// The handles of all features that a component needs, for its frames.
    pub fn features_of(self, needs: &Needs) -> Result<Vec<FeatureHandle>, HandleError> {
        needs.features().map(|feature| self.feature(feature.as_str())).collect()
    }
}
