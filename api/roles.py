"""The one table of who may do what: each route of the API and each function of the page names the role it needs.

What stands in neither is refused. Where a library has no users, everything is allowed to whoever is let in.
"""

from fastapi import Request

from core.errors import RoleError
from core.people import Role, User, viewer

_ROUTES = {
    Role.READ: """
        health docs _nothing get_library list_documents get_document report_document cite_document cite_documents
        page_picture original_pdf original list_collections search export_results open_passage list_saved_searches
        list_left_out_files show_history keep_history clear_history list_judgements export list_proposals
        suggest_questions list_models
        get_model archive get_map place_on_map compare_two_maps list_nearest list_jobs get_job follow_job
        get_account change_own_password make_own_token withdraw_own_token
    """,
    Role.JUDGE: """
        save_search delete_saved_search judge take_back delete_judgement look_for_proposals skip_proposals draw_map
    """,
    Role.TRAIN: """
        add_document fetch_document dismiss_left_out_files edit_document remove_document retry_document
        read_document_again set_privacy create_collection
        rename_collection delete_collection collect take_out take_in retrain take_version_in undo promote compare
        cancel_job dismiss_job
    """,
    Role.ADMIN: """
        use_source list_watched list_settings set_setting unset_setting get_diagnostics
        list_people add_person change_role set_new_password remove_person
    """,
}

_PAGE = {
    Role.READ: """
        search ask_again export remember clear_past keep_past open_page report_reading show load_map place_hits
        show_point show_papers show_pairs look look_at_once fill_in fill_in_dimensions
        show_account change_own_password make_own_token withdraw_own_token
    """,
    Role.JUDGE: """
        save delete_search judge_many skip_many look_again redraw_map delete_pairs
    """,
    Role.TRAIN: """
        take_uploads fetch dismiss_left_out_files remove_papers retry_paper read_again show_form save_form forget_form
        set_privacy collect cancel_job
        dismiss_job start take_in switch_model compare_version
    """,
    Role.ADMIN: """
        use show_settings store_value forget_value show_diagnostics add_person change_role set_new_password
        remove_person
    """,
}

# What Gradio takes besides; the rest of it holds nothing of the library.
_UPLOAD = Role.TRAIN


def _by_name(table: dict[Role, str]) -> dict[str, Role]:
    return {name: role for role, names in table.items() for name in names.split()}


ROUTES, PAGE = _by_name(_ROUTES), _by_name(_PAGE)


async def require_role_for_route(request: Request) -> None:
    """For each route: raises RoleError where the viewer's role does not allow it, or the table does not name it."""
    user = request.app.state.shared.accounts.as_now(viewer())
    require(user, ROUTES.get(request.scope["endpoint"].__name__))


def require_role_for_upload(user: User | None) -> None:
    require(user, _UPLOAD)


def require(user: User | None, needed: Role | None) -> None:
    """Raise RoleError where this user may not do what needs this role; None is more than anybody has."""
    if user is None:
        return
    if needed is None:
        raise RoleError("Nobody may do this here: no role is named for it.")
    if not user.role.may(needed):
        raise RoleError(f"This needs the role {needed}, and yours is {user.role}. An admin can change it.")
