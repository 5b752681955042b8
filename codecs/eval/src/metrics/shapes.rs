//! Distances between shapes, as the geometry codec's crate defines them.

use tessera_geometry::{Shape, metrics};

use super::Metric;
use crate::{Error, Form, Result, Solid};

/// What a PSNR of equal shapes counts as, in dB.
const EQUAL: f64 = 120.0;
/// Pixels of a side of the views that splats are compared in.
const VIEW: usize = 192;

/// A metric of shapes of one form.
#[derive(Clone, Copy, Debug)]
pub struct OfShapes {
    name: &'static str,
    about: &'static str,
    higher_is_better: bool,
    value: Value,
}

/// How a metric is computed.
#[derive(Clone, Copy, Debug)]
enum Value {
    Surfaces(fn(&metrics::surfaces::Distances) -> f64),
    Points(fn(&metrics::points::Distances) -> f64),
    Planes,
    Views,
}

/// What there is for a form, in the order of a report.
fn of(form: Form) -> Vec<OfShapes> {
    let metric = |name, about, higher_is_better, value| OfShapes { name, about, higher_is_better, value };
    match form {
        Form::Mesh => vec![
            metric(
                "f-score",
                "harmonic mean of the shares of either surface within 1 % of the diagonal of the other, 0 to 1; 50,000 points on each",
                true,
                Value::Surfaces(|d| d.f_score),
            ),
            metric(
                "distance",
                "mean distance between the surfaces, there and back, in thousandths of the diagonal",
                false,
                Value::Surfaces(|d| 1e3 * d.mean),
            ),
            metric(
                "hausdorff",
                "greatest distance between the surfaces, there or back, in thousandths of the diagonal",
                false,
                Value::Surfaces(|d| 1e3 * d.hausdorff),
            ),
            metric(
                "normals",
                "mean absolute cosine between the normals at a point and at what is nearest to it, there and back",
                true,
                Value::Surfaces(|d| d.normals),
            ),
        ],
        Form::Cloud => vec![
            metric(
                "d1",
                "point to point PSNR in dB over the longest side of the box, as in MPEG's test conditions; 120 for equal clouds",
                true,
                Value::Points(|d| d.d1_psnr),
            ),
            metric(
                "d2",
                "point to plane PSNR in dB, with the original's normals or, without them, those of planes through neighbours; 120 for equal clouds",
                true,
                Value::Planes,
            ),
            metric(
                "chamfer",
                "mean distance to the nearest point, there and back, in units of the file",
                false,
                Value::Points(|d| d.chamfer),
            ),
            metric(
                "hausdorff",
                "greatest distance to the nearest point, in units of the file",
                false,
                Value::Points(|d| d.hausdorff),
            ),
            metric(
                "f-score",
                "harmonic mean of the shares of points with one of the other cloud within 1 % of the diagonal, 0 to 1",
                true,
                Value::Points(|d| d.f_score),
            ),
        ],
        Form::Splats => vec![metric(
            "view-psnr",
            "PSNR in dB between eight rendered views of 192 pixels around the splats; 120 for equal ones",
            true,
            Value::Views,
        )],
    }
}

/// Names of the metrics of a form.
pub fn shape_names(form: Form) -> Vec<&'static str> {
    of(form).into_iter().map(|metric| metric.name).collect()
}

/// The metric of a form and name.
///
/// # Errors
/// [`Error::Parameter`] lists the known names where this is none of them.
pub fn shape_by_name(form: Form, name: &str) -> Result<Box<dyn Metric<Solid>>> {
    match of(form).into_iter().find(|metric| metric.name == name) {
        Some(metric) => Ok(Box::new(metric)),
        None => Err(Error::Parameter(format!(
            "there is no metric {name:?}; known for {} are {}",
            form.name(),
            shape_names(form).join(", ")
        ))),
    }
}

impl Metric<Solid> for OfShapes {
    fn name(&self) -> &'static str {
        self.name
    }

    fn describe(&self) -> String {
        self.about.to_owned()
    }

    fn higher_is_better(&self) -> bool {
        self.higher_is_better
    }

    fn measure(&mut self, reference: &Solid, distorted: &Solid) -> Result<f64> {
        let (original, other) = (reference.shape(), distorted.shape());
        let empty = || Error::Parameter("shapes without points cannot be compared".to_owned());
        match (self.value, original, other) {
            (Value::Surfaces(value), Shape::Mesh(original), Shape::Mesh(other)) => {
                let compared = metrics::surfaces::compare(original, other);
                Ok(value(&compared.map_err(|error| Error::Failed(error.to_string()))?))
            }
            (Value::Points(value), ..) => {
                let compared = metrics::points::compare(original.positions(), other.positions());
                let value = value(&compared.ok_or_else(empty)?);
                Ok(if value.is_infinite() { EQUAL } else { value })
            }
            (Value::Planes, Shape::Cloud(original), _) => {
                let normals = original.normals.as_deref();
                let psnr = metrics::points::d2_psnr(&original.positions, normals, other.positions());
                Ok(psnr.ok_or_else(empty)?.min(EQUAL))
            }
            (Value::Views, Shape::Splats(original), Shape::Splats(other)) => {
                Ok(metrics::views::psnr(original, other, VIEW).min(EQUAL))
            }
            _ => Err(Error::Parameter(format!("{} cannot be measured between shapes of these forms", self.name))),
        }
    }
}
