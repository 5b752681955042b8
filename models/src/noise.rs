//! A diffusion model whose steps a second network corrects.

use ndarray::{Array4, ArrayView4, Ix4};
use ort::{
    session::{Session as OrtSession, SessionInputValue},
    value::TensorRef,
};

use crate::{
    Error, RelayGraphs, Result,
    session::{does_not_load, open, open_any},
};

/// What of a latent is noise: a control module looks at latent, hint and time, and corrects what a U-Net makes of latent and time.
///
/// The options are those of [`Session`](crate::Session).
#[derive(Debug)]
pub struct NoiseEstimator {
    control: (String, OrtSession),
    unet: (String, OrtSession),
}

impl NoiseEstimator {
    /// Prepares the two graphs to run on `threads` threads. Loads the runtime if it is not loaded yet.
    ///
    /// # Errors
    /// As [`Session::load`](crate::Session::load); [`Error::Graph`] where one graph makes other corrections than the other takes.
    pub fn load(graphs: &RelayGraphs, threads: usize) -> Result<Self> {
        let unet = open_any(&graphs.unet, threads)?;
        let corrections = unet.inputs().len().saturating_sub(2);
        if corrections == 0 || unet.outputs().len() != 1 {
            let ports = format!(
                "{} inputs and {} outputs, of which none are corrections",
                corrections + 2,
                unet.outputs().len()
            );
            return Err(does_not_load(&graphs.unet, &ports));
        }
        let control = open(&graphs.control, threads, (3, corrections))?;
        Ok(Self { control: (graphs.control.name.clone(), control), unet: (graphs.unet.name.clone(), unet) })
    }

    /// Runs both graphs: latent f32 `[1,C,y,x]`, hint f32 `[1,H,y,x]` and time in, noise f32 `[1,C,y,x]` out.
    ///
    /// # Errors
    /// [`Error::Graph`] where the runtime refuses the inputs or the output is not f32 NCHW.
    pub fn run(&mut self, latent: ArrayView4<'_, f32>, hint: ArrayView4<'_, f32>, time: f32) -> Result<Array4<f32>> {
        let (latent, hint) = (latent.as_standard_layout(), hint.as_standard_layout());
        let time = [time];
        let ((name, control), (unet_name, unet)) = (&mut self.control, &mut self.unet);
        let failed = |name: &str, error: ort::Error| Error::Graph { graph: name.to_owned(), what: error.to_string() };
        let corrected = |error| failed(name, error);
        let made = control
            .run(ort::inputs![
                TensorRef::from_array_view(&latent).map_err(corrected)?,
                TensorRef::from_array_view(&hint).map_err(corrected)?,
                TensorRef::from_array_view(([1usize], &time[..])).map_err(corrected)?,
            ])
            .map_err(corrected)?;
        let estimated = |error| failed(unet_name, error);
        let mut inputs: Vec<SessionInputValue<'_>> = vec![
            TensorRef::from_array_view(&latent).map_err(estimated)?.into(),
            TensorRef::from_array_view(([1usize], &time[..])).map_err(estimated)?.into(),
        ];
        inputs.extend((0..made.len()).map(|n| SessionInputValue::from(&made[n])));
        let outputs = unet.run(&inputs[..]).map_err(estimated)?;
        let output = outputs[0].try_extract_array::<f32>().map_err(estimated)?;
        let not_nchw = |_| Error::Graph { graph: unet_name.clone(), what: "its output is not NCHW".to_owned() };
        Ok(output.into_dimensionality::<Ix4>().map_err(not_nchw)?.to_owned())
    }
}
