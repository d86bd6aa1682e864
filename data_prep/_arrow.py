"""Rows of Arrow tables: Parquet files, and data sets of the `datasets` library.

A column of class numbers whose names are known (a ClassLabel, also in the metadata that `datasets` writes into Parquet)
gives the names: a bare 2 says nothing to a model.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from data_prep._source import Sample, Source
from sft.errors import DataError, MissingError
from sft.i18n import _


def parquet_rows(source: Source | Sample, batch: int = 1024) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file, `batch` decoded at a time. Raises `DataError` for a damaged one."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingError(
            _("reading Parquet needs the package pyarrow"),
            where=str(source.path),
            hint=_("pip install pyarrow"),
        ) from None
    try:
        with pyarrow.parquet.ParquetFile(source.path) as file:
            names = _names_in(file.schema_arrow.metadata or {})
            for each in file.iter_batches(batch_size=batch):
                yield from rows(each, names)
    except (OSError, pyarrow.ArrowException, UnicodeDecodeError, ValueError, OverflowError) as error:
        raise DataError(
            _("damaged Parquet file: {reason}").format(reason=str(error).split("\n")[0]),
            where=str(source.path),
            hint=_("copy it again"),
        ) from None


def rows(table: Any, features: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of an Arrow table or batch; single-precision numbers are written with their own digits."""
    import pyarrow

    short = [pyarrow.float16(), pyarrow.float32()]
    columns = {
        name: column.cast(pyarrow.string()) if column.type in short else column
        for name, column in zip(table.schema.names, table.columns, strict=True)
    }
    if len(columns) < len(table.columns):
        raise ValueError(_("column name stands twice: {names}").format(names=", ".join(table.schema.names)))
    lists = {name: column.to_pylist() for name, column in columns.items()}
    for values in zip(*lists.values(), strict=True):
        yield {
            name: named(value, features[name]) if name in features else value
            for name, value in zip(lists, values, strict=True)
        }


def named(value: Any, feature: Any) -> Any:
    """Return `value` with class numbers as their names; `feature` is the JSON form that `datasets` writes.

    >>> topic = {"names": ["da liễu", "tim mạch"], "_type": "ClassLabel"}
    >>> named(1, topic), named([0, 1], {"feature": topic, "_type": "List"}), named(7, topic)
    ('tim mạch', ['da liễu', 'tim mạch'], 7)
    """
    if isinstance(feature, list) and len(feature) == 1:
        feature = {"feature": feature[0]}
    if not isinstance(feature, dict) or value is None:
        return value
    names = feature.get("names")
    if feature.get("_type") == "ClassLabel" and isinstance(names, list) and isinstance(value, int):
        return names[value] if 0 <= value < len(names) else value
    if isinstance(value, list) and "feature" in feature:
        return [named(each, feature["feature"]) for each in value]
    if isinstance(value, dict) and not isinstance(feature.get("_type"), str):
        return {key: named(each, feature.get(key)) for key, each in value.items()}
    return value


def _names_in(metadata: Mapping[bytes, bytes]) -> Mapping[str, Any]:
    """Return the features that `datasets` wrote into a Parquet file."""
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return features if isinstance(features, dict) else {}
    return {}
