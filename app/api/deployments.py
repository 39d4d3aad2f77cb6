"""Deployments, for administrators: which version answers whom, what is tried, and every way back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query
from fastapi import Response as HttpResponse

from app.api.deployments_shapes import (
    CHANGE,
    DETAIL,
    EXAMPLE,
    Back,
    ChangeShape,
    DeploymentDetail,
    DeploymentList,
    DeploymentShape,
    History,
    Judged,
    NewDeployment,
    ScopeBack,
    ToCanary,
    Why,
)
from app.api.deps import LISTING, Administrator, Parts, Wired
from app.api.idempotency import Key, once
from app.api.shapes import problems, shown
from finetune.rollout.stages import SERVED, Deployment, Stage

if TYPE_CHECKING:
    from app.rollout.desk import RolloutDesk

router = APIRouter(prefix="/v1/deployments", tags=["deployments"])

Id = Annotated[str, Path(max_length=64, description="A deployment's id.")]


@router.get(
    "", summary="List deployments", operation_id="list_deployments", dependencies=LISTING,
    responses={**shown({"default": None, "keeper": True, "items": [DETAIL]}), **problems(403)},
)  # fmt: skip
async def list_deployments(
    services: Wired,
    caller: Administrator,
    scope: Annotated[str | None, Query(max_length=220, description="Only this one.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DeploymentList:
    """What is in service or on its way there first, then the newest of the others. Those on trial are judged."""
    kept = services.store.deployments
    live = [each for each in await kept.live() if scope in (None, each.scope)]
    rest = [each for each in await kept.newest(scope=scope, limit=limit) if each.id not in {one.id for one in live}]
    items = [await _detail(services, each) for each in [*sorted(live, key=_first), *rest][:limit]]
    return DeploymentList(default=services.adapters.default, keeper=services.rollout.keeper.keeps, items=items)


@router.post(
    "", status_code=201, summary="Bring a version into service", operation_id="create_deployment",
    response_model=DeploymentShape, responses={**shown(EXAMPLE, 201), **problems(403, 404, 409)},
)  # fmt: skip
async def create_deployment(
    body: NewDeployment, services: Wired, caller: Administrator, key: Key = None
) -> HttpResponse:
    """It reaches its stage once every engine has loaded it and written with it; until then `wanted` says where it goes
    and `problem` what is in the way. The guards' limits are those of the settings at this moment."""
    from app.rollout.desk import Asked

    async def create() -> tuple[int, DeploymentShape, dict[str, str]]:
        made = await _desk(services).begin(Asked(**body.model_dump()), caller.id)
        return 201, DeploymentShape.model_validate(made), {"Location": f"/v1/deployments/{made.id}"}

    return await once(services.store, "deployments", key, caller, body.model_dump_json(), create)


@router.get(
    "/history", summary="History of deployments", operation_id="list_deployment_changes", dependencies=LISTING,
    responses={**shown({"items": [CHANGE]}), **problems(403)},
)  # fmt: skip
async def history(
    services: Wired,
    caller: Administrator,
    scope: Annotated[str | None, Query(max_length=220)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> History:
    """Who moved what from which stage to which, why and on which figures; the newest first."""
    changes = await services.store.deployments.history(scope=scope, limit=limit)
    return History(items=[ChangeShape.model_validate(each) for each in changes])


@router.post(
    "/rollback", summary="The way back of a scope", operation_id="roll_back_scope",
    responses={**shown(EXAMPLE), **problems(403, 404, 409)},
)  # fmt: skip
async def roll_back_scope(body: ScopeBack, services: Wired, caller: Administrator) -> DeploymentShape:
    """What is tried in the scope ends; where nothing is, or `to` is named, its champion gives way to the former one."""
    back = await _desk(services).back(body.scope, caller.id, body.why, body.to)
    return DeploymentShape.model_validate(back)


@router.get(
    "/{deployment_id}", summary="One deployment with its guards", operation_id="get_deployment",
    responses={**shown(DETAIL), **problems(403, 404)},
)  # fmt: skip
async def get_deployment(deployment_id: Id, services: Wired, caller: Administrator) -> DeploymentDetail:
    """Its guards say what they make of all that was observed until now."""
    return await _detail(services, await services.store.deployments.get(deployment_id))


@router.post(
    "/{deployment_id}/shadow", summary="Answer beside, shown to nobody", operation_id="shadow_deployment",
    responses={**shown(EXAMPLE), **problems(403, 404, 409)},
)  # fmt: skip
async def shadow(deployment_id: Id, body: Why, services: Wired, caller: Administrator) -> DeploymentShape:
    """Its answers are compared with the champion's and forgotten."""
    return await _move(services, deployment_id, "shadow", caller.id, body.why)


@router.post(
    "/{deployment_id}/canary", summary="Answer a share of people", operation_id="canary_deployment",
    responses={**shown(EXAMPLE), **problems(403, 404, 409)},
)  # fmt: skip
async def canary(deployment_id: Id, body: ToCanary, services: Wired, caller: Administrator) -> DeploymentShape:
    """Always the same people; more join as the share grows. Where it is a canary already, only the share changes."""
    if body.share is not None:
        await _desk(services).share(deployment_id, body.share, caller.id)
        found = await services.store.deployments.get(deployment_id)
        if found.stage == "canary":
            return DeploymentShape.model_validate(found)
    return await _move(services, deployment_id, "canary", caller.id, body.why)


@router.post(
    "/{deployment_id}/promote", summary="Make it the champion", operation_id="promote_deployment",
    responses={**shown(EXAMPLE), **problems(403, 404, 409)},
)  # fmt: skip
async def promote(deployment_id: Id, body: Why, services: Wired, caller: Administrator) -> DeploymentShape:
    """It answers everybody in its scope; the champion before it is retired, and stays one step away."""
    return await _move(services, deployment_id, "champion", caller.id, body.why)


@router.post(
    "/{deployment_id}/rollback", summary="Take it out of service", operation_id="roll_back_deployment",
    responses={**shown(EXAMPLE), **problems(403, 404, 409)},
)  # fmt: skip
async def roll_back(deployment_id: Id, body: Back, services: Wired, caller: Administrator) -> DeploymentShape:
    """A trial ends at once. A champion gives way to the former one, which is loaded first; where there was none, what
    the settings name answers."""
    ended = await _desk(services).roll_back(deployment_id, caller.id, body.why, body.to)
    return DeploymentShape.model_validate(ended)


async def _move(services: Parts, deployment_id: str, stage: Stage, who: str, why: str) -> DeploymentShape:
    return DeploymentShape.model_validate(await _desk(services).move(deployment_id, stage, who, why))


async def _detail(services: Parts, found: Deployment) -> DeploymentDetail:
    said = None
    if found.rules and found.stage != "candidate":
        said = Judged.model_validate((await services.rollout.judges.judged(found)).judgement)
    return DeploymentDetail.model_validate({**asdict(found), "judged": said})


def _desk(services: Parts) -> RolloutDesk:
    desk: RolloutDesk = services.rollout.desk
    return desk


def _first(each: Deployment) -> tuple[bool, str]:
    return each.stage not in SERVED, each.scope
