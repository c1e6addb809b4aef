"""Placement: which provider runs which task, and what has to move for it. Pure: nothing is asked or sent."""

from codata.placement.held import HeldBits
from codata.placement.place import Placement, place
from codata.placement.problem import Place, Preference, Problem

__all__ = ["HeldBits", "Place", "Placement", "Preference", "Problem", "place"]
