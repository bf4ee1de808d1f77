"""Luigi tasks: thin, one file a product family. `luigi --module tasks Handover --flight … --recipe …` works too."""

from tasks import config
from tasks.captures import CalibratedCaptures
from tasks.delivery import MAPS_AND_TABLES, Handover, Report
from tasks.photogrammetry import NodeTask
from tasks.plots import Biomass, Match, PlotPredictors, Plots
from tasks.product import ProductTask
from tasks.surfaces import Dsm, Dtm, Orthomosaic, PointCloud, Reconstruction
from tasks.vegetation import CanopyHeight, Cover, Indices, Reflectance

TASKS: tuple[type[ProductTask], ...] = (*MAPS_AND_TABLES, Report, Handover)
"""Every public kind, in the order of `uav_workflow.domain.product.KINDS`."""

__all__ = [
    "TASKS",
    "Biomass",
    "CalibratedCaptures",
    "CanopyHeight",
    "Cover",
    "Dsm",
    "Dtm",
    "Handover",
    "Indices",
    "Match",
    "NodeTask",
    "Orthomosaic",
    "PlotPredictors",
    "Plots",
    "PointCloud",
    "Reconstruction",
    "Reflectance",
    "Report",
    "config",
]
