"""Meridian Parcel: an organisation that does not exist, with six agents and two periods.

Everything in it is made by these modules from a seed; nothing was taken from anywhere.
"""
