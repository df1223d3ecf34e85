"""An import-linter contract by allow-list: these modules import only those.

The contracts that come with the linter forbid by name, so they are silent
about what nobody thought of. This one is exhaustive: every direct import of
`modules` (expressions, wildcards welcome) must match `allowed`. A contract
that matches no module proves nothing and is therefore broken.
"""

import sys
from typing import Any, cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.imports import ModuleExpression


class OnlyContract(Contract):
    """`modules` import nothing but each other and what matches `allowed`.

    `standard_library = true` allows all of that too.
    """

    type_name = "only"

    modules = fields.ListField(subfield=fields.ModuleExpressionField())
    allowed = fields.ListField(subfield=fields.ModuleExpressionField())
    standard_library = fields.BooleanField(default=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        importers = _matching(graph, self.modules)
        allowed = importers | _matching(graph, self.allowed)
        if self.standard_library:
            allowed |= sys.stdlib_module_names
        illegal = [
            graph.get_import_details(importer=importer, imported=imported)[0]
            for importer in sorted(importers)
            for imported in sorted(graph.find_modules_directly_imported_by(importer) - allowed)
        ]
        return ContractCheck(
            kept=bool(importers) and not illegal,
            metadata={"empty": not importers, "illegal": illegal},
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        if check.metadata["empty"]:
            output.print_error("No module matches: the contract would prove nothing.")
        for detail in check.metadata["illegal"]:
            output.print_error(
                f"- {detail['importer']} may not import {detail['imported']} "
                f"(line {detail['line_number']}): {detail['line_contents']}",
                bold=False,
            )


def _matching(graph: ImportGraph, expressions: Any) -> set[str]:
    return {
        module
        for expression in cast("list[ModuleExpression]", expressions)
        for module in graph.find_matching_modules(expression.expression)
    }
